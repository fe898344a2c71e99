"""`slipway predict`, `score`, `verify`: a bundle on this machine, without a service."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, BUNDLE, PATH, examples
from slipway.cli.output import print_result, printable

if TYPE_CHECKING:
    from slipway.batch.score import Summary

# Lines for people show the commonest reasons; --json has all of them.
_SHOWN = 10


@click.command(
    epilog=examples(
        "slipway predict '{\"field\": 1}'",
        'slipway predict \'[{"field": 1}, {"field": 2}]\'',
        "slipway predict - < rows.json",
    )
)
@click.argument("rows")
@BUNDLE
def predict(rows: str, folder: Path) -> None:
    """Score rows given as JSON.

    ROWS is one row or a list of rows, in any form that POST /predict takes; - reads standard input. Prints one line of
    JSON for each row, with the keys that the service returns: score (scores by class, if there are more than two), and
    label unless it is a regression. Rows that the service would refuse are an error, in the same words.
    """
    from slipway.bundle import load_bundle
    from slipway.bundle.predictions import describe_prediction
    from slipway.columns import rows_to_values, values_to_columns
    from slipway.serving.api.rows import RowReader
    from slipway.serving.error_responses import Refusal

    bundle = load_bundle(folder)
    body = sys.stdin.buffer.read() if rows == "-" else rows.encode(errors="surrogateescape")
    try:
        found = RowReader(bundle, sys.maxsize).read(body)
    except Refusal as refusal:
        places = [f"Row {each.row}" + (f", field {each.field}" if each.field else "") for each in refusal.faults]
        lines = [
            f"{place}: expected {each.expected}, found {each.found}."
            for place, each in zip(places, refusal.faults, strict=True)
        ]
        raise click.ClickException(printable("\n  ".join(lines) or refusal.detail)) from None
    scores = bundle.score(values_to_columns(bundle.fields, found.values or rows_to_values(found.rows)))
    for score, label in zip(scores.tolist(), bundle.label(scores).tolist(), strict=True):
        click.echo(msgspec.json.encode(describe_prediction(bundle.manifest, score, label)))


@click.command(epilog=examples("slipway verify", "slipway verify --bundle .demo/bundle --json"))
@BUNDLE
@AS_JSON
def verify(folder: Path, as_json: bool) -> None:
    """Verify a bundle: hashes, certificate, golden rows."""
    from slipway.bundle.isolation import isolate_bundle
    from slipway.bundle.verify import read_sealed

    bundle = isolate_bundle(read_sealed(folder))
    manifest = bundle.manifest
    facts = {
        "bundle": str(folder),
        "digest": bundle.digest,
        "problem": manifest.problem,
        "task": manifest.task.value,
        "golden_rows": bundle.golden_rows,
    }
    lines = [f"{name.replace('_', ' '):<12} {value}" for name, value in facts.items()]
    print_result(as_json, facts, *lines, "verified: every file has its sealed hash, every golden row its score")


@click.command(
    epilog=examples(
        "slipway score rows.parquet scores.parquet",
        "slipway score rows.csv scores.csv --keep order --keep customer",
        "slipway score months/ scores.parquet --invalid skip --json",
    )
)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", metavar="OUT", type=PATH)
@BUNDLE
@click.option("--keep", multiple=True, metavar="COLUMN", help="A column of IN to copy to OUT.  [default: key]")
@click.option(
    "--invalid",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="At a row that breaks the contract: stop, or leave its score and label empty.",
)
@AS_JSON
def score(source: Path, out: Path, folder: Path, keep: tuple[str, ...], invalid: str, as_json: bool) -> None:
    """Score a Parquet or CSV file in constant memory.

    IN is a .parquet or .csv file, or a folder of such files. OUT (.parquet or .csv) gets a row for each row of IN in
    the same order: the columns to keep, score (score_CLASS for each class, if there are more than two), and label
    unless it is a regression. Every row is validated against the bundle's contract, as in the service; further columns
    of IN are ignored. OUT is written completely or not at all.
    """
    from rich.console import Console

    from slipway.batch.plan import make_plan
    from slipway.batch.progress import show_progress
    from slipway.batch.score import score_file
    from slipway.bundle import load_bundle

    plan = make_plan(load_bundle(folder), source, out, keep or None, skip=invalid == "skip")
    with show_progress(sum(each.rows for each in plan.sources), Console(stderr=True)) as report:
        summary = score_file(plan, report)
    print_result(as_json, summary, *_lines(summary))


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
