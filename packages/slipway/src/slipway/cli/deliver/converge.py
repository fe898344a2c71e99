"""`slipway converge`, `slipway stop`: the release of an environment started again, or stopped."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import AS_JSON, ENVIRONMENT, Duration
from slipway.cli.output import print_result, progress_printer

if TYPE_CHECKING:
    from slipway.delivery.reconcile import Turn


@click.command(
    epilog="""\b
Examples:
  slipway converge production
  slipway converge production --every 30s
"""
)
@ENVIRONMENT
@click.option("--every", type=Duration(), metavar="TIME", help="Repeat until SIGTERM: 30s, 5m, 1h.")
@AS_JSON
def converge(environment: str, every: float | None, as_json: bool) -> None:
    """Reconcile what runs with the ledger.

    Starts what the ledger says after a restart, a crash or a change by hand. With --every, promotions made elsewhere
    are deployed here; one line is printed for each change, an error is printed once and tried again. MLflow's alias is
    set by the promotion.
    """
    from slipway.delivery import reconcile

    if every is not None:
        reconcile.follow_ledger(Path(), environment, every, lambda turn: _print_turn(turn, as_json))
        return
    found = reconcile.reconcile(Path(), environment, progress_printer(as_json))
    tested = [f"{environment} serves {found.smoke.digest[:12]} on {found.smoke.url}, tested"] if found.smoke else []
    if as_json or tested:
        print_result(as_json, {"entry": found.entry, "smoke": found.smoke}, *tested)


@click.command(
    epilog="""\b
Examples:
  slipway stop staging
"""
)
@ENVIRONMENT
@AS_JSON
def stop(environment: str, as_json: bool) -> None:
    """Stop the service of an environment.

    The ledger is not changed; `slipway converge` starts the service again.
    """
    from slipway.delivery import reconcile

    ran = reconcile.stop_service(Path(), environment, progress_printer(as_json))
    said = "stopped" if ran else "nothing was running"
    print_result(
        as_json,
        {"environment": environment, "stopped": ran},
        f"{environment}: {said}. `slipway converge {environment}` starts it again.",
    )


def _print_turn(turn: "Turn", as_json: bool) -> None:
    from slipway.delivery.reconcile import describe_turn

    print_result(as_json, turn, describe_turn(turn))
