"""Write the report: as a stage output if every rule holds, beside an error if not."""

from pathlib import Path

from slipway.data.validation.report import Report, explain_report
from slipway.errors import DataError
from slipway.files.writing import write_json

# DVC removes the outputs of a stage that failed: the report of bad data stays outside of it.
FAILED = Path(".slipway/validation.json")


def publish_report(report: Report, path: Path, failed: Path = FAILED) -> None:
    """Write `report` to `path` if every rule holds; if not, to `failed`, and raise `DataError`."""
    if report.success:
        write_json(path, report)
        failed.unlink(missing_ok=True)
        return
    write_json(failed, report)
    path.unlink(missing_ok=True)
    raise DataError(
        f"{explain_report(report)}\nAll results are in {failed}, with Data Docs beside it. Fix the data at its "
        "source; if it is right, change the rule in the contract or in the problem's expectations."
    )
