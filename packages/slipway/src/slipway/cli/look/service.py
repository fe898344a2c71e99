"""`slipway health`, `slipway smoke`: is a running service ready, and does it serve this bundle?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, BUNDLE, PORT
from slipway.cli.output import print_result

if TYPE_CHECKING:
    from slipway.delivery.smoke_test import Smoke


@click.command(
    epilog="""\b
Examples:
  slipway health
  slipway health --port 9000
"""
)
@PORT
def health(port: int | None) -> None:
    """Check that the service on this machine is ready.

    Exit code 0 or 1. Where SLIPWAY_INSTANCE is set, the service must be the one of that name.
    """
    from slipway.serving.server.probe import probe_readiness
    from slipway.serving.settings import read_settings_unchecked

    click.echo(probe_readiness(read_settings_unchecked(port=port)))


@click.command(
    epilog="""\b
Examples:
  slipway smoke http://127.0.0.1:8102
  slipway smoke https://model.example.org --bundle bundle
"""
)
@click.argument("url")
@BUNDLE
@click.option("--key", envvar="SLIPWAY_API_KEY", help="A key, where the service requires one. [env: SLIPWAY_API_KEY]")
@AS_JSON
def smoke(url: str, folder: Path, key: str | None, as_json: bool) -> None:
    """Test a running service with the golden rows.

    The service must be ready, serve this bundle's digest, give golden rows their scores, refuse an invalid row, and
    answer within the latency budget.
    """
    from slipway.bundle import load_bundle
    from slipway.delivery import smoke_test

    found = smoke_test.run_smoke_test(url.rstrip("/"), load_bundle(folder), key)
    print_result(as_json, found, f"{found.url} serves {found.digest[:12]}: {describe_smoke(found)}")


def describe_smoke(found: "Smoke") -> str:
    """Return the figures of a smoke test in a few words."""
    return (
        f"{found.golden_rows} golden rows within {found.largest_difference:.1g}, {found.milliseconds:.1f} ms a request"
    )
