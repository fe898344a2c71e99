"""`slipway score`: a file in, scores out."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from slipway.batch.score import Summary

_PATH = click.Path(path_type=Path)
# A log that is read by people shows the commonest reasons; --json has all of them.
_SHOWN = 10


@click.command(
    epilog="""\b
Examples:
  slipway score rows.parquet scores.parquet
  slipway score rows.csv scores.csv --keep order --keep customer
  slipway score months/ scores.parquet --invalid skip --json
"""
)
@click.argument("source", metavar="IN", type=_PATH)
@click.argument("out", metavar="OUT", type=_PATH)
@click.option("--bundle", "folder", type=_PATH, default=Path("bundle"), show_default=True, help="The bundle's folder.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="A column of IN that OUT gets too. [default: key]")
@click.option(
    "--invalid",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="At a row against the contract: stop, or leave its score and label empty.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def score(source: Path, out: Path, folder: Path, keep: tuple[str, ...], invalid: str, as_json: bool) -> None:
    """Score a parquet or CSV file in constant memory.

    IN is a .parquet or .csv file, or a folder of parquet files. OUT (.parquet or .csv) gets a row for each row of IN in
    the same order: the columns to keep, score (score_CLASS for each class, if there are more than two), label. Every
    row is first held to the bundle's contract, as the service would; further columns of IN do not matter. OUT appears
    when all is done, or not at all.
    """
    from rich.console import Console

    from slipway.batch.plan import make_plan
    from slipway.batch.progress import show_progress
    from slipway.batch.score import score_file
    from slipway.bundle import load_bundle

    plan = make_plan(load_bundle(folder), source, out, keep or None, skip=invalid == "skip")
    with show_progress(sum(each.rows for each in plan.sources), Console(stderr=True)) as report:
        summary = score_file(plan, report)
    click.echo(msgspec.json.encode(summary) if as_json else "\n".join(_lines(summary)))


def _lines(done: "Summary") -> list[str]:
    lines = []
    if done.ignored:
        lines.append(f"ignored: {_count(len(done.ignored), 'column')} of IN ({_names(done.ignored)})")
    if done.absent:
        lines.append(f"absent: {_count(len(done.absent), 'field')}, taken as missing ({_names(done.absent)})")
    if done.invalid:
        lines.append(f"invalid: {_count(done.invalid, 'row')} without score and label")
    for reason in done.reasons[:_SHOWN]:
        rows = ", ".join(f"{row:,}" for row in reason.examples)
        lines.append(f"  {reason.column}: {reason.rule}: {_count(reason.rows, 'row')}, first {rows}")
    if len(done.reasons) > _SHOWN:
        lines.append(f"  and {len(done.reasons) - _SHOWN} more reasons (--json lists them)")
    lines.append(
        f"{_count(done.rows, 'row')} in {done.seconds:.1f} s, {done.rows_per_second:,} rows/s, bundle "
        f"{done.digest[:12]}: {done.out}"
    )
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
