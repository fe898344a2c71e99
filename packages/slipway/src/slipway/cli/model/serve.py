"""The service's commands: serve, health, key, log. Heavy modules are imported by the command that needs them."""

import sys
from collections import deque
from itertools import chain
from pathlib import Path

import click
import msgspec

from slipway.serving.settings import ServingSettings, describe, read_log_settings, read_settings, read_unchecked


class WithVariables(click.Command):
    """A command whose help lists the variables that it reads, from the one place that defines them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, then variables."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Environment"):
            formatter.write_dl(describe(ServingSettings))


@click.command(
    cls=WithVariables,
    epilog="""\b
Examples:
  slipway serve
  slipway serve --bundle .demo/bundle --port 9000
  SLIPWAY_AUTH=keys SLIPWAY_API_KEYS_FILE=keys.json slipway serve --host 0.0.0.0
""",
)
@click.option("--bundle", type=click.Path(path_type=Path), help="The bundle's folder.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Processes; 0: one for each core.")
def serve(bundle: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the bundle over HTTP until ctrl-c or SIGTERM.

    Options go before the environment's variables.
    """
    from slipway.serving.server import serve as run

    run(read_settings(bundle=bundle, host=host, port=port, workers=workers))


@click.command(
    epilog="""\b
Example:
  slipway hold --port 8080 --listener /run/front/socket
  SLIPWAY_LISTENER=/run/front/socket slipway serve
"""
)
@click.option("--host", help="Address to listen on; else SLIPWAY_HOST.")
@click.option("--port", type=int, help="Port to listen on; else SLIPWAY_PORT.")
@click.option(
    "--listener",
    type=click.Path(path_type=Path),
    help="The Unix socket at which services get what listens; else SLIPWAY_LISTENER.",
)
def hold(host: str | None, port: int | None, listener: Path | None) -> None:
    """Hold a port for services that replace each other, until ctrl-c or SIGTERM.

    Each gets the socket that listens; while there is none, connections wait.
    """
    from slipway.serving.port import hold as run

    settings = read_unchecked(host=host, port=port, listener=listener)
    if settings.listener is None:
        raise click.UsageError("Where do services get what listens? --listener PATH, or SLIPWAY_LISTENER.")
    run(settings.host, settings.port, settings.listener)


@click.command(
    epilog="""\b
Examples:
  slipway health
  slipway health --port 9000
"""
)
@click.option("--port", type=int, help="Port of the service on this machine.")
def health(port: int | None) -> None:
    """Ask a running service on this machine whether it is ready; exit 0 or 1.

    With SLIPWAY_INSTANCE it must be the one of that name that answers.
    """
    from slipway.serving.probe import probe

    click.echo(probe(read_unchecked(port=port)))


FILE = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    envvar="SLIPWAY_API_KEYS_FILE",
    default=Path("keys.json"),
    show_default=True,
    help="The file of hashed keys.",
)


@click.group()
def key() -> None:
    """Make, list and revoke the keys of callers."""


@key.command(
    epilog="""\b
Examples:
  slipway key new mobile-app
  slipway key new prometheus --metrics --file keys.json
  slipway key new smoke --secret-file smoke.key
"""
)
@click.argument("name")
@click.option("--metrics", is_flag=True, help="A key for /metrics, and nothing else.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A new file for the secret, which its owner alone may read, instead of the screen.",
)
@FILE
def new(name: str, metrics: bool, secret_file: Path | None, path: Path) -> None:
    """Make a key and print it, once: the file of keys has only its hash."""
    from slipway.files import private_file
    from slipway.serving.front.keys import Scope, new_key

    scope = Scope.METRICS if metrics else Scope.SERVICE
    if secret_file:
        if secret_file.resolve() == path.resolve():
            raise click.UsageError(f"{path} keeps the hashes of all keys. Name another file for the secret.")
        try:
            # The file comes first: a key whose secret found no place would be of no use to anybody.
            with private_file(secret_file) as file:
                file.write(new_key(path, name, scope) + "\n")
        except FileExistsError as error:
            raise click.ClickException(
                f"{secret_file} is there already, and may hold a key that is used. Name a new file."
            ) from error
        click.echo(f"Key {name!r} is in {path}; its secret is in {secret_file}, and nowhere else.")
        return
    secret = new_key(path, name, scope)
    click.echo(secret)
    click.echo(f"Key {name!r} is in {path}; its secret is shown only here. Send it as", err=True)
    click.echo(f"  Authorization: Bearer {secret[:14]}...", err=True)


@key.command(
    epilog="""\b
Example:
  slipway key revoke mobile-app
"""
)
@click.argument("name")
@FILE
def revoke(name: str, path: Path) -> None:
    """Take a key out of the file; running services refuse it within a second."""
    from slipway.serving.front.keys import revoke_key

    revoke_key(path, name)
    click.echo(f"Key {name!r} is revoked.")


@key.command("list")
@FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def list_keys(path: Path, as_json: bool) -> None:
    """List the keys by name."""
    from slipway.serving.front.keys import read_keys

    found = read_keys(path)
    if as_json:
        click.echo(msgspec.json.encode([{"name": k.name, "scope": k.scope, "created": k.created} for k in found.keys]))
        return
    for each in found.keys:
        click.echo(f"{each.name:<24} {each.scope.value:<8} {each.created:%Y-%m-%d %H:%M}")


@click.command(
    epilog="""\b
Examples:
  slipway log
  slipway log --last 100 --json
  slipway log --follow
  slipway log --outcomes
"""
)
@click.option("--folder", type=click.Path(path_type=Path), help="The log's folder.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="So many entries.")
@click.option("--all", "everything", is_flag=True, help="Every entry.")
@click.option("--follow", is_flag=True, help="Then wait for what comes, until ctrl-c.")
@click.option("--outcomes", is_flag=True, help="Only how much is known of what became of the predictions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each entry.")
def log(folder: Path | None, last: int, everything: bool, follow: bool, outcomes: bool, as_json: bool) -> None:
    """Print the prediction log: what was asked and answered, and what became of it."""
    from slipway.serving.log.join import join
    from slipway.serving.log.reader import Damage, Ends, read
    from slipway.serving.log.reader import follow as follow_log
    from slipway.serving.log.text import line, summary

    place = read_log_settings(log=folder).log
    if not place.is_dir() and not follow:
        raise click.ClickException(f"No prediction log at {place}. `slipway serve` writes one; --folder names another.")
    damage, ends = Damage(), Ends()
    entries = read(place, damage, ends)
    if outcomes:
        found = summary(join(entries))
        click.echo(msgspec.json.encode(found) if as_json else "\n".join(f"{n:>8} {what}" for what, n in found.items()))
        return
    shown = entries if everything else deque(entries, maxlen=last)
    for entry in chain(shown, follow_log(place, ends) if follow else ()):
        click.echo(msgspec.json.encode(entry) if as_json else line(entry))
        if follow:
            sys.stdout.flush()
    if damage.lines:
        click.echo(
            f"{damage.lines} line(s) left out: they are not whole. A process was killed while it wrote.", err=True
        )
