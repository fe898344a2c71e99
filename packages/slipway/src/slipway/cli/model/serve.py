"""`slipway serve`, `slipway hold`: a bundle over HTTP, and the port of services that replace each other."""

from pathlib import Path

import click

from slipway.cli.options import FOLDER, HOST, PATH, PORT, examples
from slipway.serving.settings import ServingSettings, describe_variables, read_settings, read_settings_unchecked


class WithVariables(click.Command):
    """A command whose help lists the variables that it reads, from the one place that defines them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the variables."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Environment"):
            formatter.write_dl(describe_variables(ServingSettings))


@click.command(
    cls=WithVariables,
    epilog=examples(
        "slipway serve",
        "slipway serve --bundle .demo/bundle --port 9000",
        "slipway serve --bundle release/bundle --shadow bundle",
        "SLIPWAY_AUTH=keys SLIPWAY_API_KEYS_FILE=keys.json slipway serve --host 0.0.0.0",
    ),
)
@click.option("--bundle", type=FOLDER, help="Folder of the bundle; overrides SLIPWAY_BUNDLE.")
@click.option(
    "--shadow",
    type=FOLDER,
    help="Folder of a second bundle that scores the same rows aside and logs its scores; overrides SLIPWAY_SHADOW.",
)
@HOST
@PORT
@click.option("--workers", type=int, help="Processes; 0: one for each core. Overrides SLIPWAY_WORKERS.")
def serve(bundle: Path | None, shadow: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve a bundle over HTTP until ctrl-c or SIGTERM."""
    from slipway.serving.server.service import serve_bundle

    serve_bundle(read_settings(bundle=bundle, shadow=shadow, host=host, port=port, workers=workers))


@click.command(
    epilog=examples(
        "slipway hold --port 8080 --listener /run/front/socket", "SLIPWAY_LISTENER=/run/front/socket slipway serve"
    )
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
