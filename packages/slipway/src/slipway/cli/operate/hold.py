"""`slipway hold`: the socket of a port, passed to one service after another."""

from pathlib import Path

import click

from slipway.cli.options import HOST, PATH, PORT
from slipway.serving.settings import read_settings_unchecked


@click.command(
    epilog="""\b
Examples:
  slipway hold --port 8080 --listener /run/front/socket
  SLIPWAY_LISTENER=/run/front/socket slipway serve
"""
)
@HOST
@PORT
@click.option("--listener", type=PATH, help="Unix socket that passes the port to services; overrides SLIPWAY_LISTENER.")
def hold(host: str | None, port: int | None, listener: Path | None) -> None:
    """Hold a port for services that replace each other.

    Runs until ctrl-c or SIGTERM. Each service receives the listening socket; while none runs, connections wait.
    """
    from slipway.serving.server.port import hold_port

    settings = read_settings_unchecked(host=host, port=port, listener=listener)
    if settings.listener is None:
        raise click.UsageError("No Unix socket for services. Set --listener PATH or SLIPWAY_LISTENER.")
    hold_port(settings.host, settings.port, settings.listener)
