"""`slipway serve`: a bundle over HTTP."""

from pathlib import Path

import click

from slipway.cli.options import FOLDER, HOST, PORT
from slipway.serving.settings import ServingSettings, describe_variables, read_settings


class WithVariables(click.Command):
    """A command whose help lists the variables that it reads, from the one place that defines them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the variables."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Environment"):
            formatter.write_dl(describe_variables(ServingSettings))


@click.command(
    cls=WithVariables,
    epilog="""\b
Examples:
  slipway serve
  slipway serve --bundle .demo/bundle --port 9000
  SLIPWAY_AUTH=keys SLIPWAY_API_KEYS_FILE=keys.json slipway serve --host 0.0.0.0
""",
)
@click.option("--bundle", type=FOLDER, help="Folder of the bundle; overrides SLIPWAY_BUNDLE.")
@HOST
@PORT
@click.option("--workers", type=int, help="Processes; 0: one for each core. Overrides SLIPWAY_WORKERS.")
def serve(bundle: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve a bundle over HTTP until ctrl-c or SIGTERM."""
    from slipway.serving.server.service import serve_bundle

    serve_bundle(read_settings(bundle=bundle, host=host, port=port, workers=workers))
