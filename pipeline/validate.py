"""Hold the dataset against the contract and the problem's own expectations."""

from pathlib import Path

from slipway.data.validation.dataset import load_dataset
from slipway.data.validation.publish import publish_report
from slipway.data.validation.validate import validate_dataset
from slipway.project import load_project
from slipway.stage import print_progress, run_stage, timed_step

DOCS = Path(".slipway/data_docs")


def validate() -> str:
    """Write `validation.json`, and Data Docs to look at beside it."""
    problem, _ = load_project()
    with timed_step("loading the dataset"):
        frame = load_dataset(problem, Path("data"))
    report = validate_dataset(problem, frame, DOCS)
    print_progress(f"  Data Docs: {DOCS / 'index.html'}")
    publish_report(report, Path("validation.json"))
    rules = sum(len(view.rules) for view in report.views)
    return f"{rules} rules hold for {report.rows:,} rows"


if __name__ == "__main__":
    run_stage(validate)
