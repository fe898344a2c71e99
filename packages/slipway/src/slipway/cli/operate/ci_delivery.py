"""`slipway ci delivery`, `push`, `name`, `connect`, `servers`: steps of the workflows that deliver."""

from pathlib import Path

import click
import msgspec

from slipway.cli.options import ENVIRONMENT, FOLDER, RELEASE, REPOSITORY
from slipway.cli.output import progress_printer


@click.command(
    epilog="""\b
Examples:
  slipway ci delivery production >> "$GITHUB_STEP_SUMMARY"
"""
)
@ENVIRONMENT
def delivery(environment: str) -> None:
    """Print the release of an environment as Markdown."""
    from slipway.delivery.status import trace_release
    from slipway.github.jobs.delivery_summary import render_delivery

    click.echo(render_delivery(trace_release(Path(), environment)), nl=False)


@click.command(
    epilog="""\b
Examples:
  slipway ci push --release release --repository ghcr.io/acme/model >> "$GITHUB_OUTPUT"
"""
)
@RELEASE
@REPOSITORY
def push(folder: Path, repository: str) -> None:
    """Push the image of a release unless the registry has it.

    Prints outputs of a step: name, digest, built. Other runs find a built image after `slipway ci name` only, so that
    it can be attested before.
    """
    from slipway.delivery.publish import publish_image

    found = publish_image(Path(), folder, repository, progress_printer(as_json=True), named=False)
    name, _, digest = (found.release.image or "").partition("@")
    click.echo(f"name={name}\ndigest={digest}\nbuilt={msgspec.json.encode(found.built).decode()}")


@click.command(
    epilog="""\b
Examples:
  slipway ci name --release release
"""
)
@RELEASE
def name(folder: Path) -> None:
    """Tag the pushed image of a release, so that later runs find it."""
    from slipway.delivery.publish import tag_image

    click.echo(f"Image tagged: {tag_image(folder)}")


@click.command(
    epilog="""\b
Examples:
  slipway ci connect production --folder "$RUNNER_TEMP/ssh" >> "$GITHUB_PATH"
"""
)
@ENVIRONMENT
@click.option("--folder", type=FOLDER, required=True, metavar="DIR", help="Folder for the key, outside the repository.")
def connect(environment: str, folder: Path) -> None:
    """Configure SSH to the server of an environment.

    Prints the folder of an `ssh` that reaches it. SLIPWAY_HOST (ssh://user@machine), SLIPWAY_KNOWN_HOSTS and
    SLIPWAY_SSH_KEY make the docker context that the environment's table in pyproject.toml names. SLIPWAY_API_KEYS and
    SLIPWAY_SMOKE_KEY, where they are set, become the files that it names.
    """
    from slipway.github.jobs.server import connect_server
    from slipway.settings import server_settings

    click.echo(connect_server(Path(), environment, server_settings(), folder))


@click.command(
    epilog="""\b
Examples:
  slipway ci servers "staging production"
"""
)
@click.argument("servers", metavar="SLIPWAY_SERVERS")
def servers(servers: str) -> None:
    """Fail if SLIPWAY_SERVERS names an unknown environment."""
    from slipway.github.jobs.server import verify_server_names

    verify_server_names(Path(), servers)
    click.echo(f"On a server: {servers or '(none), every environment is a rehearsal'}.")


COMMANDS = (delivery, push, name, connect, servers)
