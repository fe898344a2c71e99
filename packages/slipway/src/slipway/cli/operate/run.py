"""`slipway run`: score the table of an environment of the target `batch`."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, PATH, examples
from slipway.cli.output import print_result, progress_printer, warn_offline


@click.command(
    epilog=examples(
        "slipway run production",
        "slipway run production --input today.parquet --output scores/2026-11-30.parquet",
    )
)
@ENVIRONMENT
@click.option("--input", "source", type=PATH, metavar="IN", help="The table to score, instead of the environment's.")
@click.option("--output", "out", type=PATH, metavar="OUT", help="Where to write, instead of the environment's table.")
@AS_JSON
def run(environment: str, source: Path | None, out: Path | None, as_json: bool) -> None:
    """Score a batch environment's table.

    The release is the one that the ledger names now, by its digest. OUT gets what `slipway score` writes, and beside it
    stands OUT.lineage.json: the bundle, the ledger's entry, the hashes of what was read and written, the time, the
    rows. Both are written completely or not at all. The rows are logged for `slipway monitor run`, by the column
    `prediction_id` of OUT, unless the environment says `log = false`.
    """
    from slipway.delivery.batch_run import lineage_path, run_batch

    done = run_batch(Path(), environment, progress_printer(as_json), source, out)
    warn_offline(done.offline)
    (written,) = done.output
    print_result(
        as_json,
        done,
        f"{environment}: {done.rows:,} rows ({done.invalid:,} invalid) scored by {done.bundle[:12]} (entry "
        f"{done.entry}): {written}",
        f"lineage: {lineage_path(Path(written))}",
    )
