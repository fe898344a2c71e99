"""`slipway predict`, `slipway verify`: a bundle on this machine, without a service."""

import sys
from pathlib import Path

import click
import msgspec

from slipway.cli.options import AS_JSON, BUNDLE, examples
from slipway.cli.output import print_result


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

    ROWS is one row or a list of rows; - reads standard input. Prints one line of JSON for each row: score and label.
    """
    from slipway.bundle import load_bundle

    bundle = load_bundle(folder)
    try:
        given = msgspec.json.decode(sys.stdin.buffer.read() if rows == "-" else rows)
        columns = bundle.parse(given if isinstance(given, list) else [given])
    except msgspec.MsgspecError as error:
        names = ", ".join(field.name for field in bundle.fields)
        raise click.ClickException(f"The rows break the contract: {error}. Its fields: {names}.") from error
    scores = bundle.score(columns)
    for score, label in zip(scores.tolist(), bundle.label(scores).tolist(), strict=True):
        click.echo(msgspec.json.encode({"score": score, "label": label}))


@click.command(epilog=examples("slipway verify", "slipway verify --bundle .demo/bundle --json"))
@BUNDLE
@AS_JSON
def verify(folder: Path, as_json: bool) -> None:
    """Verify a bundle: hashes, certificate, golden rows."""
    from slipway.bundle import load_bundle

    bundle = load_bundle(folder)
    manifest = bundle.manifest
    facts = {
        "bundle": str(folder),
        "digest": bundle.digest,
        "problem": manifest.problem,
        "task": manifest.task.value,
        "golden_rows": len(bundle.golden()[1]),
    }
    lines = [f"{name.replace('_', ' '):<12} {value}" for name, value in facts.items()]
    print_result(as_json, facts, *lines, "verified: every file has its sealed hash, every golden row its score")
