"""`slipway deploy`, `promote`, `request`, `rollback`, `reconcile`, `stop`: the release that an environment serves."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, BASE, ENVIRONMENT, FILE, FOLDER, REASON, SOURCE, Duration, examples
from slipway.cli.output import print_result, progress_printer

if TYPE_CHECKING:
    from slipway.delivery.rollout import Delivered


@click.command(
    epilog=examples(
        "slipway deploy staging",
        "slipway deploy staging --base origin/main",
        "slipway deploy staging --release release",
    )
)
@ENVIRONMENT
@BASE
@click.option("--release", "chosen", type=FOLDER, help="Deploy what `slipway choose` wrote; the gate does not run.")
@AS_JSON
def deploy(environment: str, base: str | None, chosen: Path | None, as_json: bool) -> None:
    """Deploy the release that the gate chooses.

    The release is started beside the running one, tested, switched to without a pause, and recorded in the ledger. If
    a step fails, the release before serves on.
    """
    from slipway.delivery import operations

    done = operations.deploy(Path(), environment, progress_printer(as_json), base, chosen)
    _print_delivered(done, as_json, f"slipway promote {environment} production")


@click.command(
    epilog=examples(
        "slipway promote staging production",
        "slipway promote staging production --requested requested/production.json",
        "slipway promote staging production --release release",
    )
)
@SOURCE
@ENVIRONMENT
@click.option("--requested", type=FILE, help="Only if it is what this file of `slipway request` names.")
@click.option("--release", "chosen", type=FOLDER, help="Only if it is what this folder of `slipway choose` holds.")
@AS_JSON
def promote(source: str, environment: str, requested: Path | None, chosen: Path | None, as_json: bool) -> None:
    """Deploy what another environment serves.

    ENV gets the release of FROM, by the same digest.
    """
    from slipway.delivery import operations

    done = operations.promote(Path(), source, environment, progress_printer(as_json), requested, chosen)
    _print_delivered(done, as_json, f"slipway show {environment}")


@click.command(epilog=examples("slipway request staging production"))
@SOURCE
@ENVIRONMENT
@AS_JSON
def request(source: str, environment: str, as_json: bool) -> None:
    """Request a promotion by pull request.

    Writes a file that names the release of FROM. A pull request with it is reviewed; its merge promotes to ENV. For
    repositories without required reviewers: docs/github-setup.md.
    """
    from slipway.delivery.preconditions import require_serving
    from slipway.delivery.release import write_request
    from slipway.ledger import Ledger

    release = require_serving(Ledger(Path()).read(source))
    path = write_request(Path(), environment, release)
    print_result(
        as_json,
        {"file": str(path), "release": release},
        f"{path} requests the bundle {release.bundle[:12]}, which {source} serves",
        f"next: commit it on a new branch and open a pull request; its merge promotes to {environment}",
    )


@click.command(
    epilog=examples(
        'slipway rollback production --reason "scores drifted since noon"',
        'slipway rollback production --from 7 --reason "the release of entry 7 is bad, too"',
        'slipway rollback production --to 4 --reason "back to the spring model"',
    )
)
@ENVIRONMENT
@click.option(
    "--from", "expected_entry", type=click.IntRange(0), metavar="N", help="Only if entry N is the newest one."
)
@click.option("--to", type=click.IntRange(0), metavar="N", help="Number of the ledger's entry whose release returns.")
@click.option("--unsigned", is_flag=True, help="Accept an unsigned entry or image.")
@REASON
@AS_JSON
def rollback(
    environment: str, expected_entry: int | None, to: int | None, unsigned: bool, reason: str, as_json: bool
) -> None:
    """Roll back to an earlier release.

    Its model serves again, with its own contract. The model that is rolled back is blocked: the gate refuses it until
    `slipway ledger unblock`. Where both releases hold the same model, the earlier image serves and nothing is blocked.

    The same command again completes a rollback that was interrupted. To go back further, name the newest entry with
    --from.
    """
    from slipway.delivery import operations

    def accept(question: str) -> bool:
        return unsigned or (sys.stdin.isatty() and click.confirm(question, err=True))

    say = progress_printer(as_json)
    done = operations.rollback(Path(), environment, reason, say, to, expected_entry, accept, unsigned)
    _print_delivered(done, as_json, f"slipway history {environment}")


@click.command(epilog=examples("slipway reconcile production", "slipway reconcile production --every 30s"))
@ENVIRONMENT
@click.option("--every", type=Duration(), metavar="TIME", help="Repeat until SIGTERM: 30s, 5m, 1h.")
@AS_JSON
def reconcile(environment: str, every: float | None, as_json: bool) -> None:
    """Reconcile what runs with the ledger.

    Starts what the ledger says after a restart, a crash or a change by hand. With --every, promotions made elsewhere
    are deployed here; one line is printed for each change, an error is printed once and tried again. MLflow's alias is
    set by the promotion.
    """
    from slipway.delivery import reconcile

    if every is not None:
        reconcile.follow_ledger(
            Path(), environment, every, lambda turn: print_result(as_json, turn, reconcile.describe_turn(turn))
        )
        return
    found = reconcile.reconcile(Path(), environment, progress_printer(as_json))
    tested = [f"{environment} serves {found.smoke.digest[:12]} on {found.smoke.url}, tested"] if found.smoke else []
    if as_json or tested:
        print_result(as_json, {"entry": found.entry, "smoke": found.smoke}, *tested)


@click.command(epilog=examples("slipway stop staging"))
@ENVIRONMENT
@AS_JSON
def stop(environment: str, as_json: bool) -> None:
    """Stop the service of an environment.

    The ledger is not changed; `slipway reconcile` starts the service again.
    """
    from slipway.delivery import reconcile

    ran = reconcile.stop_service(Path(), environment, progress_printer(as_json))
    said = "stopped" if ran else "nothing was running"
    print_result(
        as_json,
        {"environment": environment, "stopped": ran},
        f"{environment}: {said}. `slipway reconcile {environment}` starts it again.",
    )


def _print_delivered(done: "Delivered", as_json: bool, following: str) -> None:
    from slipway.ledger.entry import REHEARSAL
    from slipway.tracking.aliases import explain_unset_alias

    entry, smoke = done.entry, done.smoke
    serving = entry.serving.shown if entry.serving else "nothing"
    lines = [f"{entry.environment} serves {serving} (entry {entry.number}, {entry.event}, by {entry.by})"]
    if entry.target == REHEARSAL:
        lines.append("  a rehearsal: the image was started here, tested and stopped; nothing stays running")
    lines.append(f"  on {smoke.url}, tested: {smoke.golden_rows} golden rows, {smoke.milliseconds:.1f} ms a request")
    if done.alias:
        lines.append(f"  MLflow: models:/{done.alias.rpartition('/')[0]}@{entry.environment}")
    elif entry.serving and entry.serving.model:
        lines.append(f"  MLflow: alias {entry.environment} not set: {explain_unset_alias(entry.serving.model)}")
    print_result(as_json, done, *lines, f"next: `{following}`")
