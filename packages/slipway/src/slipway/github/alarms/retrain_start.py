"""Start retrain.yml where an alarm asks for it, and the rules allow it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from slipway.errors import GitHubError
from slipway.github.alarms.start import Start, find_asking_alarm, start_workflow
from slipway.github.client.api import GitHub
from slipway.markdown import inline_code
from slipway.monitoring.alarms.alarm import Action
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.retrain.start_rules import StartRules

WORKFLOW = "retrain.yml"
# Begins the name of every branch that a retrain pushes.
BRANCH = "retrain/"
# Measurements of inputs and of the log: while one of them fires, a retrain would learn from broken rows.
_INPUTS = (
    *("drift:", "relation:", "missing:", "unseen:", "duplicates", "volume"),
    *("stuck:", "jump:", "stale", "foreign_scores"),
)
_BUDGET_DAYS = timedelta(days=30)


def start_retrain(github: GitHub, result: MonitorResult, now: datetime, rules: StartRules, run: str = "") -> Start:
    """Start retrain.yml for the first alarm that asks for a retrain, if nothing speaks against it.

    `run` is the number of the monitor's run, whose artifact has the figures. Raises `GitHubError`.
    """
    alarm = find_asking_alarm(result, Action.RETRAIN)
    if alarm is None:
        return Start(started=False, why="No alarm asks for a retrain.")
    inputs = {"environment": result.environment, "alarm": alarm.fingerprint, "run": run}
    obstacle = next(_obstacles(github, result, now, rules), None)
    return start_workflow(github, WORKFLOW, alarm, inputs, obstacle)


def _obstacles(github: GitHub, result: MonitorResult, now: datetime, rules: StartRules) -> Iterator[str]:
    """Yield what speaks against a retrain, what GitHub must be asked for last."""
    broken = [inline_code(alarm.measurement) for alarm in result.firing if alarm.measurement.startswith(_INPUTS)]
    if broken:
        yield f"{', '.join(broken)} fired as well, so the inputs are not whole. Fix them first."
    outcomes = max((window.outcomes for window in result.newest), default=0)
    if outcomes < rules.fewest_outcomes:
        yield f"the newest windows have {outcomes:,} outcomes, expected at least {rules.fewest_outcomes:,}."
    recent = {"created": f">={now - _BUDGET_DAYS:%Y-%m-%d}"}
    runs = list(github.pages(f"actions/workflows/{WORKFLOW}/runs", "workflow_runs", **recent))
    working = [run for run in runs if run["status"] != "completed"]
    if working:
        yield f"another one is at work: {working[0]['html_url']}"
    if waiting := _open_pull_request(github):
        yield f"the pull request of an earlier one is open: {waiting}"
    started = [_moment(run) for run in runs if run["conclusion"] != "cancelled"]
    if started and now - max(started) < timedelta(days=rules.cool_down_days):
        yield f"the last one started on {max(started):%Y-%m-%d}, less than {rules.cool_down_days} days ago."
    if len(started) >= rules.budget:
        yield f"{len(started)} were started in {_BUDGET_DAYS.days} days, and the budget is {rules.budget}."


def _open_pull_request(github: GitHub) -> str | None:
    owner = github.repository.partition("/")[0]
    found = (each for each in github.pages("pulls", state="open") if each["head"]["ref"].startswith(BRANCH))
    # A fork may name its branch as it likes.
    return next((str(each["html_url"]) for each in found if each["head"]["label"].startswith(f"{owner}:")), None)


def _moment(run: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(run["created_at"])
    except ValueError as error:
        raise GitHubError(f"A run of {WORKFLOW} has the time {run['created_at']!r}; expected ISO 8601.") from error
