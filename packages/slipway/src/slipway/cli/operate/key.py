"""`slipway key`: the keys with which callers authenticate."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, KEYS, PATH, examples
from slipway.cli.output import print_result
from slipway.serving.app.keys import Scope, new_key, new_key_in_file, read_keys, revoke_key


@click.group()
def key() -> None:
    """Create, list and revoke API keys."""


@key.command(
    epilog=examples(
        "slipway key new mobile-app",
        "slipway key new prometheus --metrics --file keys.json",
        "slipway key new smoke --secret-file smoke.key",
    )
)
@click.argument("name")
@click.option("--metrics", is_flag=True, help="A key for /metrics only.")
@click.option(
    "--secret-file",
    type=PATH,
    metavar="PATH",
    help="Write the secret to this new file, readable by its owner only, instead of printing it.",
)
@KEYS
def new(name: str, metrics: bool, secret_file: Path | None, path: Path) -> None:
    """Create a key and print its secret once.

    The file of keys holds the hash of the secret only.
    """
    scope = Scope.METRICS if metrics else Scope.SERVICE
    if secret_file:
        if secret_file.resolve() == path.resolve():
            raise click.UsageError(f"{path} holds the hashes of all keys. Name another file for the secret.")
        new_key_in_file(path, name, scope, secret_file)
        click.echo(f"Key {name!r} is in {path}; its secret is in {secret_file} only.")
        return
    secret = new_key(path, name, scope)
    click.echo(secret)
    click.echo(f"Key {name!r} is in {path}; its secret is not shown again. Send it as", err=True)
    click.echo(f"  Authorization: Bearer {secret[:14]}...", err=True)


@key.command(epilog=examples("slipway key revoke mobile-app"))
@click.argument("name")
@KEYS
def revoke(name: str, path: Path) -> None:
    """Revoke a key.

    Running services refuse it within a second.
    """
    revoke_key(path, name)
    click.echo(f"Key {name!r} is revoked.")


@key.command("list", epilog=examples("slipway key list", "slipway key list --file keys.json --json"))
@KEYS
@AS_JSON
def list_keys(path: Path, as_json: bool) -> None:
    """List the keys by name."""
    found = read_keys(path).keys
    facts = [{"name": each.name, "scope": each.scope, "created": each.created} for each in found]
    print_result(
        as_json, facts, *(f"{each.name:<24} {each.scope.value:<8} {each.created:%Y-%m-%d %H:%M}" for each in found)
    )
