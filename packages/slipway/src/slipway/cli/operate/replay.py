"""`slipway replay`: rows that were held back, as traffic of a running service."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import ANY_ENVIRONMENT, AS_JSON, Duration, examples
from slipway.cli.output import print_result, print_table

if TYPE_CHECKING:
    from slipway.monitoring.replay.run import ReplayResult

_MOST_REASONS = 5


class Speed(click.ParamType[float | None]):
    """A factor of the speed at which the rows happened, or `max` for as fast as the service answers."""

    name = "speed"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Return the factor, None for `max`."""
        if value == "max":
            return None
        try:
            if (found := float(value)) > 0:
                return found
        except ValueError:
            pass
        self.fail(f"expected a number above 0, or max; found {value!r}", param, ctx)


_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(
    epilog=examples(
        "slipway replay production --from 2013-10-01 --to 2013-12-31 --speed 1000",
        "slipway replay production --from 2013-10-01 --to 2013-10-31 --speed max --batch 200",
        "slipway replay staging --from 2013-10-01 --to 2013-10-31 --fault duplicate:0.3@2013-10-15..",
        "slipway replay --list-faults",
    )
)
@ANY_ENVIRONMENT
@click.option("--url", help="Address of a service that is no environment of this project.")
@click.option("--key", envvar="SLIPWAY_API_KEY", help="A key, where the service requires one. [env: SLIPWAY_API_KEY]")
@click.option("--from", "begin", type=_DAY, metavar="DAY", help="First day.")
@click.option("--to", "end", type=_DAY, metavar="DAY", help="Last day.")
@click.option("--speed", type=Speed(), default="max", show_default=True, help="Times as fast as it happened, or max.")
@click.option("--batch", type=click.IntRange(1, 1000), default=1, show_default=True, help="Most rows of a request.")
@click.option("--sample", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Share of the rows to send.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the sample and of the faults.")
@click.option(
    "--delay",
    type=Duration(),
    default="24h",
    show_default=True,
    help="Delay of outcomes of a problem without `settled`.",
)
@click.option("--clock", metavar="COLUMN", help="The timestamp that tells a row's day.  [default: monitor.yaml's]")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="Inject a fault; may be repeated.")
@click.option("--refresh", metavar="MODULE:FUNCTION", help="Bring newer data by this function, not by the problem's.")
@click.option("--list-faults", is_flag=True, help="List the faults instead.")
@AS_JSON
def replay(
    environment: str | None,
    url: str | None,
    key: str | None,
    begin: datetime | None,
    end: datetime | None,
    speed: float | None,
    batch: int,
    sample: float,
    seed: int,
    delay: float,
    clock: str | None,
    faults: tuple[str, ...],
    refresh: str | None,
    list_faults: bool,
    as_json: bool,
) -> None:
    """Send held-back rows to a service as its traffic.

    Each row of the period goes to POST /predict in the order of time, its outcome to POST /feedback when its simulated
    time has come. Rows newer than data/ come from the problem's hook `refresh`. Rows that the service refuses are
    counted. After ctrl-c the same command continues.
    """
    from slipway.monitoring.replay.faults import parse_fault
    from slipway.monitoring.replay.run import ReplayPlan, run_replay
    from slipway.monitoring.rules import read_rules
    from slipway.problem import load_problem, replace_refresh
    from slipway.settings import project_settings

    if list_faults:
        _list_faults()
        return
    if begin is None or end is None:
        raise click.UsageError("Expected the period to send: --from and --to.")
    if end < begin:
        raise click.BadParameter(f"the last day, {end:%Y-%m-%d}, is before the first, {begin:%Y-%m-%d}.")
    plan = ReplayPlan(
        begin=begin.date(),
        end=end.date(),
        speed=speed,
        batch=batch,
        sample=sample,
        seed=seed,
        delay=timedelta(seconds=delay),
        clock=clock or read_rules(Path()).clock,
        faults=tuple(parse_fault(each) for each in faults),
    )
    address, secret = _find_service(environment, url, key)
    problem = load_problem(project_settings().problem)
    if refresh:
        problem = replace_refresh(problem, refresh)
    with ExitStack() as stack:
        try:
            found = run_replay(problem, Path(), plan, address, secret, _show_progress(stack))
        except KeyboardInterrupt as error:
            stack.close()
            raise click.ClickException("Interrupted. The same command continues where it stopped.") from error
    print_result(as_json, found, *_describe(found, environment))


def _list_faults() -> None:
    from slipway.monitoring.replay.fault_kinds import KINDS

    print_table(("fault", "what it does"), [(kind.usage, kind.help) for kind in KINDS.values()])
    click.echo("\nA period may follow, its first and last day: missing:COLUMN:0.3@2024-05-01..2024-05-14.")


def _find_service(environment: str | None, url: str | None, key: str | None) -> tuple[str, str | None]:
    from slipway.delivery.targets.registry import find_target

    if (environment is None) == (url is None):
        raise click.UsageError("Expected either ENV or --url: where the rows are sent.")
    if url is not None:
        return url.rstrip("/"), key
    target = find_target(Path(), environment or "")
    return target.url, key or target.key


def _show_progress(stack: ExitStack) -> Callable[[int], Callable[[int], None]]:
    from rich.console import Console

    from slipway.batch.progress import show_progress

    return lambda rows: stack.enter_context(show_progress(rows, Console(stderr=True)))


def _describe(found: "ReplayResult", environment: str | None) -> list[str]:
    predicted, refused = sum(found.predicted.values()), sum(found.refused.values())
    models = " and ".join(digest[:12] for digest in found.predicted) or "no model"
    lines = [
        f"{found.url}: {found.rows:,} rows of {found.begin} to {found.end} in {found.seconds:.0f} s",
        f"  {predicted:,} predicted by {models}, {found.outcomes:,} with their outcome, {found.waiting:,} without",
    ]
    if found.continued:
        lines.append(f"  {found.continued:,} of them were sent before an interruption")
    lines += [f"  injected: {each}" for each in found.faults]
    if refused:
        lines.append(f"  {refused:,} refused:")
        reasons = sorted(found.refused.items(), key=lambda each: -each[1])
        lines += [f"    {count:,} x {reason}" for reason, count in reasons[:_MOST_REASONS]]
        lines += [f"    and {len(reasons) - _MOST_REASONS} more reasons"] if len(reasons) > _MOST_REASONS else []
    return [*lines, f"next: `slipway monitor run {environment}`"] if environment else lines
