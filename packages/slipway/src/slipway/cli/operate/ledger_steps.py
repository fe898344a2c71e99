"""`slipway ci`: steps of ledger.yml."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, FILE, REASON, examples
from slipway.cli.output import print_result


@click.command(epilog=examples('slipway ci record --out record/evaluation.json.gz >> "$GITHUB_STEP_SUMMARY"'))
@click.option("--out", type=FILE, required=True, metavar="FILE", help="File of the evaluation record.")
def record(out: Path) -> None:
    """Evaluate production's model on the prepared rows.

    Writes the record that `slipway ci entry rebase` takes. It runs code of that bundle: the job must have no rights.
    """
    from slipway.evaluation.record import write_record
    from slipway.gate.rebase import evaluate_production
    from slipway.ledger import Ledger

    found = evaluate_production(Path(), Ledger(Path()))
    write_record(out, found.record)
    changed = f"{len(found.before.changed):,} of them other than before" if found.before else "the first record"
    click.echo(
        f"The model {found.release.shown} was evaluated on the rows of commit {found.commit[:12]}: "
        f"{len(found.record.groups):,} groups, {changed}."
    )


@click.command(
    epilog=examples(
        'slipway ci entry unblock production --digest 3fa9c12b4d5e --reason "the outage was the network\'s"',
        'slipway ci entry rebase production --record record/evaluation.json.gz --reason "$REASON"',
    )
)
@click.argument("action", type=click.Choice(("unblock", "distrust", "rebase", "init")))
@ENVIRONMENT
@click.option("--digest", default="", help="First digits of the bundle's digest, for unblock and distrust.")
@REASON
@click.option(
    "--record",
    "path",
    type=FILE,
    default=Path("record/evaluation.json.gz"),
    show_default=True,
    metavar="FILE",
    help="File of `slipway ci record`, for rebase.",
)
@AS_JSON
def entry(action: str, environment: str, digest: str, reason: str, path: Path, as_json: bool) -> None:
    """Write an entry of the ledger that changes nothing that runs.

    It does what `slipway ledger` and `slipway gate rebase` do, with the key of the job's environment.
    """
    from slipway.github.jobs.ledger_entry import write_ledger_entry

    found = write_ledger_entry(Path(), action, environment, digest, reason, path)
    print_result(as_json, found, f"{environment} {found.number}: {found.event} by {found.by}: {found.reason}")


LEDGER_STEPS = (record, entry)
