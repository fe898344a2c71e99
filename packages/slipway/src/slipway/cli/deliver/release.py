"""The commands that make a release: choose, publish; and that try one out: rehearse, smoke."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import AS_JSON, BASE, BUNDLE, RELEASE, sayer

if TYPE_CHECKING:
    from slipway.delivery.smoke import Smoke


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

    release.choose(Path(), Ledger(Path()), folder, sayer(as_json), base)
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
  COSIGN_PASSWORD=... slipway publish --repository ghcr.io/acme/model --sign-key cosign.key
"""
)
@RELEASE
@click.option("--repository", required=True, metavar="REGISTRY/NAME", help="Where the image goes.")
@click.option("--sign-key", metavar="KEY", help="Sign it with this key of cosign; COSIGN_PASSWORD opens it.")
@AS_JSON
def publish(folder: Path, repository: str, sign_key: str | None, as_json: bool) -> None:
    """Build the image of a chosen release and push it, unless the registry has it; the release notes its digest.

    `built` in the JSON says whether it was.
    """
    from slipway.delivery.publish import publish as bring
    from slipway.delivery.signature import sign

    found = bring(Path(), folder, repository, sayer(as_json))
    if sign_key:
        sign(str(found.release.image), sign_key)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.release.image} holds the bundle {found.release.bundle[:12]}")
        click.echo(f"next: `slipway deploy staging --release {folder}`")


@click.command(
    epilog="""\b
Examples:
  slipway rehearse slipway
  slipway rehearse ghcr.io/acme/model@sha256:... --bundle release/bundle
"""
)
@click.argument("image")
@BUNDLE
@AS_JSON
def rehearse(image: str, folder: Path, as_json: bool) -> None:
    """Start an image here, test it as a deployment does, and end it; nothing is written down."""
    from slipway.delivery.targets.registry import lock_environment
    from slipway.delivery.targets.rehearsal import RehearsalTarget
    from slipway.settings import EnvironmentSettings

    target = RehearsalTarget(Path(), "image", EnvironmentSettings(port=8080))
    target.check()
    with lock_environment(Path(), target.name, sayer(as_json)):
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
@BUNDLE
@click.option("--key", envvar="SLIPWAY_API_KEY", help="A key of the service, if it wants one.")
@AS_JSON
def smoke(url: str, folder: Path, key: str | None, as_json: bool) -> None:
    """Test a running service: ready, the digest of the bundle, golden rows, a refusal, latency."""
    from slipway.bundle import load_bundle
    from slipway.delivery.smoke import smoke as test

    found = test(url.rstrip("/"), load_bundle(folder), key)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.url} serves {found.digest[:12]}: {_tested(found)}")


def _tested(found: "Smoke") -> str:
    within, taken = f"{found.largest_difference:.1g}", f"{found.milliseconds:.1f} ms a request"
    return f"{found.golden_rows} golden rows within {within}, {taken}"


COMMANDS = (choose, publish, rehearse, smoke)
