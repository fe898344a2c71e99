"""`slipway feedback`: outcomes of predictions that come in a file."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, LOGS, examples, verify_log_folders
from slipway.cli.output import print_result
from slipway.cli.progress import progress_bar


@click.group()
def feedback() -> None:
    """Import outcomes of predictions from a file."""


@feedback.command(
    "import",
    epilog=examples(
        "slipway feedback import outcomes.parquet",
        "slipway feedback import outcomes.csv --by joined,plan,town",
        "slipway feedback import outcomes.parquet --environment staging --log /var/log/staging",
    ),
)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--by", default="", metavar="COLUMN,...", help="Columns of the contract that name a row together.")
@click.option("--environment", default="production", show_default=True, metavar="ENV", help="Whose predictions.")
@LOGS
@AS_JSON
def import_file(path: Path, by: str, environment: str, sources: tuple[Path | str, ...], as_json: bool) -> None:
    """Import outcomes from a Parquet or CSV file.

    Each row has the column `outcome`, and either `prediction_id` or the columns that --by names; `observed_at` may say
    when the outcome was known. The same file imported again adds nothing.
    """
    from slipway.monitoring.intake.imports.imported import import_outcomes

    verify_log_folders(sources)
    columns = [name.strip() for name in by.split(",") if name.strip()]
    with progress_bar() as progress:
        found = import_outcomes(Path(), environment, path, columns, sources, progress)
    print_result(
        as_json,
        found,
        f"{found.rows:>8,} rows",
        f"{found.joined:>8,} joined with a prediction",
        f"{found.repeated:>8,} repeated: imported before, or twice in the file",
        f"{found.unknown:>8,} unknown: no such prediction in the log",
        f"{found.ambiguous:>8,} ambiguous: their key has several predictions or outcomes",
    )
