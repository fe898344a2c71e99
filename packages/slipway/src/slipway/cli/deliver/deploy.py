"""The commands that change what an environment serves: deploy, promote, request, rollback, converge, stop."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, BASE, DURATION, ENVIRONMENT, FILE, FOLDER, sayer

if TYPE_CHECKING:
    from slipway.delivery.follow import Turn
    from slipway.delivery.steps import Delivered
    from slipway.ledger import Entry


@click.command(
    epilog="""\b
Examples:
  slipway deploy staging
  slipway deploy staging --base origin/main
  slipway deploy staging --release release
"""
)
@ENVIRONMENT
@BASE
@click.option("--release", "chosen", type=FOLDER, help="What `slipway choose` wrote; the gate is not asked again.")
@AS_JSON
def deploy(environment: str, base: str | None, chosen: Path | None, as_json: bool) -> None:
    """Bring the release that the gate chooses into a first environment.

    The gate judges anew, or has judged when `choose` wrote the release. The release is started aside, tested, switched
    to without a pause, and written into the ledger; if anything fails, what served before serves on.
    """
    from slipway.delivery import flow

    done = flow.deploy(Path(), environment, sayer(as_json), base, chosen)
    _delivered(done, as_json, f"slipway promote {environment} production")


@click.command(
    epilog="""\b
Examples:
  slipway promote staging production
  slipway promote staging production --requested requested/production.json
  slipway promote staging production --release release
"""
)
@click.argument("source", metavar="FROM")
@ENVIRONMENT
@click.option("--requested", type=FILE, help="Only if it is what this file asks for; `slipway request` writes it.")
@click.option("--release", "chosen", type=FOLDER, help="Only if it is what this folder of `slipway choose` holds.")
@AS_JSON
def promote(source: str, environment: str, requested: Path | None, chosen: Path | None, as_json: bool) -> None:
    """Bring what serves in FROM into ENV, by the same digest."""
    from slipway.delivery import flow

    done = flow.promote(Path(), source, environment, sayer(as_json), requested, chosen)
    _delivered(done, as_json, f"slipway show {environment}")


@click.command(
    epilog="""\b
Examples:
  slipway request staging production
"""
)
@click.argument("source", metavar="FROM")
@ENVIRONMENT
@AS_JSON
def request(source: str, environment: str, as_json: bool) -> None:
    """Ask for ENV what serves in FROM, by a file: a pull request with it is reviewed, and its merge promotes.

    It is for repositories in which nobody can be asked to approve a run: docs/github-setup.md.
    """
    from slipway.delivery import flow
    from slipway.delivery.request import write_request
    from slipway.ledger import Ledger

    release = flow.served(Ledger(Path()).read(source))
    path = write_request(Path(), environment, release)
    if as_json:
        click.echo(msgspec.json.encode({"file": str(path), "release": release}))
    else:
        click.echo(f"{path} asks for the bundle {release.bundle[:12]}, which serves in {source}")
        click.echo(
            f"next: commit it on a branch of its own, and open a pull request; its merge promotes to {environment}"
        )


@click.command(
    epilog="""\b
Examples:
  slipway rollback production --reason "scores drifted since noon"
  slipway rollback production --to 4 --reason "back to the spring model"
"""
)
@ENVIRONMENT
@click.option("--to", type=click.IntRange(0), metavar="N", help="The entry whose release serves again.")
@click.option("--reason", required=True, help="Why; it stays in the ledger.")
@AS_JSON
def rollback(environment: str, to: int | None, reason: str, as_json: bool) -> None:
    """Bring back the release that served before, with its own contract.

    A model that is rolled back is blocked: the gate refuses it until `slipway ledger unblock`. Where only the code
    around it was new, the image before comes back and nothing is blocked.
    """
    from slipway.delivery import flow

    done = flow.rollback(Path(), environment, reason, sayer(as_json), to)
    _delivered(done, as_json, f"slipway history {environment}")


@click.command(
    epilog="""\b
Examples:
  slipway converge production
  slipway converge production --every 30s
"""
)
@ENVIRONMENT
@click.option("--every", type=DURATION, metavar="TIME", help="Again and again, until SIGTERM: 30s, 5m, 1h.")
@AS_JSON
def converge(environment: str, every: float | None, as_json: bool) -> None:
    """Make what runs equal what the ledger says: after a restart, a crash, or somebody's hand.

    With --every it follows the ledger: what others promote comes about here. It says one line for each change; what
    goes wrong is said once, and tried again. MLflow's alias is left to whoever promotes.
    """
    from slipway.delivery import follow
    from slipway.delivery.converge import converge as bring_about
    from slipway.tracking.aliases import mirror_alias

    if every is not None:
        follow.follow(Path(), environment, every, lambda turn: _tell(turn, as_json))
        return
    found = bring_about(Path(), environment, sayer(as_json))
    mirror_alias(found.entry)
    if as_json:
        click.echo(msgspec.json.encode({"entry": found.entry, "smoke": found.smoke}))
    elif found.smoke:
        click.echo(f"{environment} serves {found.smoke.digest[:12]} on {found.smoke.url}, tested")


@click.command(
    epilog="""\b
Examples:
  slipway stop staging
"""
)
@ENVIRONMENT
def stop(environment: str) -> None:
    """End an environment's service; the ledger stays, and `slipway converge` starts it again."""
    from slipway.delivery.converge import stop as end

    ran = end(Path(), environment, click.echo)
    click.echo(f"{environment}: {'ended' if ran else 'nothing ran'}. `slipway converge {environment}` starts it again.")


def _tell(turn: "Turn", as_json: bool) -> None:
    from slipway.delivery.follow import line

    click.echo(msgspec.json.encode(turn) if as_json else line(turn))


def _delivered(done: "Delivered", as_json: bool, following: str) -> None:
    from slipway.ledger.entry import REHEARSAL
    from slipway.tracking.aliases import mirror_alias, store_name

    mirrored = mirror_alias(done.entry)
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(_line(done.entry))
    if done.entry.target == REHEARSAL:
        click.echo("  a rehearsal: the image was started here, tested and ended; nothing stays running")
    click.echo(
        f"  on {done.smoke.url}, tested: {done.smoke.golden_rows} golden rows as they were, "
        f"{done.smoke.milliseconds:.1f} ms a request"
    )
    model = done.entry.serving.model if done.entry.serving else None
    if model and mirrored:
        click.echo(f"  MLflow: models:/{model.rpartition('/')[0]}@{done.entry.environment}")
    elif model:
        click.echo(
            f"  MLflow: the alias {done.entry.environment} was not set: {store_name()} has no {model}, or does not "
            "answer (MLFLOW_TRACKING_URI names another store)"
        )
    click.echo(f"next: `{following}`")


def _line(entry: "Entry") -> str:
    serving = entry.serving.shown if entry.serving else "nothing"
    return f"{entry.environment} serves {serving} (entry {entry.number}, {entry.event}, by {entry.by})"


COMMANDS = (deploy, promote, request, rollback, converge, stop)
