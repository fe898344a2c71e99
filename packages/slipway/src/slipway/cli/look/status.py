"""`slipway status`, `slipway show`: what environments serve, and where it came from."""

from pathlib import Path

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT
from slipway.cli.output import print_result


@click.command(
    epilog="""\b
Examples:
  slipway status
  slipway status --json
"""
)
@AS_JSON
def status(as_json: bool) -> None:
    """Show what each environment should run, and what runs.

    The first is what the ledger says; where they differ, the difference and the command that reconciles them.
    """
    from slipway.delivery.status import describe_status, read_status

    found = read_status(Path())
    print_result(as_json, found, *map(describe_status, found))


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
    """Show where the release of an environment came from.

    Bundle, image, model version, MLflow run, commit, data, the gate's verdict, who deployed it, and when.
    """
    from slipway.delivery.status import trace_release

    facts = trace_release(Path(), environment)
    lines = [f"{name.replace('_', ' '):<14} {'-' if value is None else value}" for name, value in facts.items()]
    print_result(as_json, facts, *lines)
