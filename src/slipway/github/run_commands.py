"""`slipway github release`: what the workflows do at GitHub beside deploying."""

from pathlib import Path

import click
import msgspec

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")


@click.command(
    epilog="""\b
Examples:
  slipway github release production
"""
)
@click.argument("environment", metavar="ENV")
@AS_JSON
def release(environment: str, as_json: bool) -> None:
    """Make a release at GitHub of what ENV serves now, by the ledger.

    Its tag is ENV-<number of the entry>, at the source commit; its text is where the release came from. If the tag has
    a release already, nothing is changed. The token needs Contents: write.
    """
    from slipway.github.access import connect
    from slipway.github.release import release as make

    with connect(Path()) as client:
        found = make(client, Path(), environment)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo(f"{found.title}: {'released as' if found.created else 'there already,'} {found.tag}, {found.url}")


COMMANDS = (release,)
