"""The operator's commands: deploy, promote, request, rollback, converge, stop; status, show, smoke."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from slipway.delivery.flow import Delivered
    from slipway.delivery.smoke import Smoke
    from slipway.ledger import Entry

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
BASE = click.option("--base", metavar="REV", help="Judge by the rules of this commit.")
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
RELEASE = click.option(
    "--release", "folder", type=_FOLDER, default=Path("release"), show_default=True, help="Its folder."
)
ENVIRONMENT = click.argument("environment", metavar="ENV")


@click.command(
    epilog="""\b
Examples:
  slipway choose
  slipway choose --base HEAD^ --release release
"""
)
@RELEASE
@BASE
@AS_JSON
def choose(folder: Path, base: str | None, as_json: bool) -> None:
    """Write the release that the gate chooses to a folder: the candidate, or production's model with this code.

    The gate judges anew; where it refuses nothing is written, and the exit code is 1.
    """
    from slipway.delivery import release
    from slipway.ledger import Ledger

    release.choose(Path(), Ledger(Path()), folder, _say(as_json), base)
    found = release.read_chosen(folder)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{folder}/ holds the release of bundle {found.release.bundle[:12]}")
        click.echo("next: `slipway publish --repository REGISTRY/NAME`, or `slipway deploy staging --release release`")


@click.command(
    epilog="""\b
Examples:
  slipway publish --repository ghcr.io/acme/model
  slipway publish --repository 127.0.0.1:5000/model --release release
"""
)
@RELEASE
@click.option("--repository", required=True, metavar="REGISTRY/NAME", help="Where the image goes.")
@AS_JSON
def publish(folder: Path, repository: str, as_json: bool) -> None:
    """Build the image of a chosen release and push it, unless the registry has it; the release notes its digest."""
    from slipway.delivery.publish import publish as bring

    found = bring(Path(), folder, repository, _say(as_json))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.release.image} holds the bundle {found.release.bundle[:12]}")
        click.echo(f"next: `slipway deploy staging --release {folder}`")


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
@click.option("--release", "chosen", type=_FOLDER, help="What `slipway choose` wrote; the gate is not asked again.")
@AS_JSON
def deploy(environment: str, base: str | None, chosen: Path | None, as_json: bool) -> None:
    """Bring the release that the gate chooses into a first environment.

    The gate judges anew, or has judged when `choose` wrote the release. The release is started aside, tested, switched
    to without a pause, and written into the ledger; if anything fails, what served before serves on.
    """
    from slipway.delivery import flow

    done = flow.deploy(Path(), environment, _say(as_json), base, chosen)
    _delivered(done, as_json, f"slipway promote {environment} production")


@click.command(
    epilog="""\b
Examples:
  slipway promote staging production
  slipway promote staging production --requested requested/production.json
"""
)
@click.argument("source", metavar="FROM")
@ENVIRONMENT
@click.option("--requested", type=_FILE, help="Only if it is what this file asks for; `slipway request` writes it.")
@AS_JSON
def promote(source: str, environment: str, requested: Path | None, as_json: bool) -> None:
    """Bring what serves in FROM into ENV, by the same digest."""
    from slipway.delivery import flow

    done = flow.promote(Path(), source, environment, _say(as_json), requested)
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

    What is rolled back is blocked: the gate refuses it until `slipway ledger unblock`.
    """
    from slipway.delivery import flow

    done = flow.rollback(Path(), environment, reason, _say(as_json), to)
    _delivered(done, as_json, f"slipway history {environment}")


@click.command(
    epilog="""\b
Examples:
  slipway converge production
"""
)
@ENVIRONMENT
@AS_JSON
def converge(environment: str, as_json: bool) -> None:
    """Make what runs equal what the ledger says: after a restart, a crash, or somebody's hand."""
    from slipway.delivery import flow
    from slipway.tracking.aliases import mirror

    entry, smoke = flow.converge(Path(), environment, _say(as_json))
    mirror(entry)
    if as_json:
        click.echo(msgspec.json.encode({"entry": entry, "smoke": smoke}))
    elif smoke:
        click.echo(f"{environment} serves {smoke.digest[:12]} on {smoke.url}, tested")


@click.command(
    epilog="""\b
Examples:
  slipway stop staging
"""
)
@ENVIRONMENT
def stop(environment: str) -> None:
    """End an environment's service; the ledger stays, and `slipway converge` starts it again."""
    from slipway.delivery import flow

    ran = flow.stop(Path(), environment, click.echo)
    click.echo(f"{environment}: {'ended' if ran else 'nothing ran'}. `slipway converge {environment}` starts it again.")


@click.command(
    epilog="""\b
Examples:
  slipway status
  slipway status --json
"""
)
@AS_JSON
def status(as_json: bool) -> None:
    """Each environment: what the ledger says, what runs, and whether they agree."""
    from slipway.delivery.status import line, read_status

    found = read_status(Path())
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(map(line, found)))


@click.command(
    epilog="""\b
Examples:
  slipway show production
  slipway show production --json
"""
)
@ENVIRONMENT
@AS_JSON
def show(environment: str, as_json: bool) -> None:
    """Where what serves came from: bundle, model version, run, commit, data, verdict, who, since when."""
    from slipway.delivery.status import lineage

    facts = lineage(Path(), environment)
    if as_json:
        click.echo(msgspec.json.encode(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<14} {'-' if value is None else value}")


@click.command(
    epilog="""\b
Examples:
  slipway rehearse slipway
  slipway rehearse ghcr.io/acme/model@sha256:... --bundle release/bundle
"""
)
@click.argument("image")
@click.option("--bundle", "folder", type=click.Path(path_type=Path), default=Path("bundle"), show_default=True)
@AS_JSON
def rehearse(image: str, folder: Path, as_json: bool) -> None:
    """Start an image here, test it as a deployment does, and end it; nothing is written down."""
    from slipway.delivery.rehearsal import RehearsalTarget
    from slipway.settings import EnvironmentSettings

    target = RehearsalTarget(Path(), "image", EnvironmentSettings(port=8080))
    target.check()
    found = target.test(target.keep(folder, image))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{image} does what its bundle promises: {_tested(found)}")


@click.command(
    epilog="""\b
Examples:
  slipway smoke http://127.0.0.1:8102
  slipway smoke https://model.example.org --bundle bundle
"""
)
@click.argument("url")
@click.option("--bundle", "folder", type=click.Path(path_type=Path), default=Path("bundle"), show_default=True)
@click.option("--key", envvar="SLIPWAY_API_KEY", help="A key of the service, if it wants one.")
@AS_JSON
def smoke(url: str, folder: Path, key: str | None, as_json: bool) -> None:
    """Test a running service: ready, the digest of the bundle, golden rows, a refusal, latency."""
    from slipway.bundle import load
    from slipway.delivery.smoke import smoke as test

    found = test(url.rstrip("/"), load(folder), key)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.url} serves {found.digest[:12]}: {_tested(found)}")


def _tested(found: "Smoke") -> str:
    within, taken = f"{found.largest_difference:.1g}", f"{found.milliseconds:.1f} ms a request"
    return f"{found.golden_rows} golden rows within {within}, {taken}"


def _say(as_json: bool) -> Any:
    return lambda line: click.echo(line, err=as_json)


def _delivered(done: "Delivered", as_json: bool, following: str) -> None:
    from slipway.tracking.aliases import mirror

    mirrored = mirror(done.entry)
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(_line(done.entry))
    if done.entry.target == "rehearsal":
        click.echo("  a rehearsal: the image was started here, tested and ended; nothing stays running")
    click.echo(
        f"  on {done.smoke.url}, tested: {done.smoke.golden_rows} golden rows as they were, "
        f"{done.smoke.milliseconds:.1f} ms a request"
    )
    if mirrored and done.entry.serving:
        click.echo(f"  MLflow: models:/{str(done.entry.serving.model).rpartition('/')[0]}@{done.entry.environment}")
    click.echo(f"next: `{following}`")


def _line(entry: "Entry") -> str:
    serving = entry.serving.bundle[:12] if entry.serving else "nothing"
    return f"{entry.environment} serves {serving} (entry {entry.number}, {entry.event}, by {entry.by})"


COMMANDS = (choose, publish, deploy, promote, request, rollback, converge, stop, status, show, smoke, rehearse)
