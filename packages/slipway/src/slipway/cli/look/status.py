"""The commands that look: status, show."""

from pathlib import Path

import click
import msgspec

from slipway.cli.options import AS_JSON, ENVIRONMENT


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


COMMANDS = (status, show)
