"""The alarms of one run of the monitor: what it found, what has recovered since, and the alarm of a run that failed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from slipway.errors import GitHubError
from slipway.figures import format_number
from slipway.github.alarms.issues import Issue
from slipway.github.client.api import GitHub
from slipway.monitoring.alarms.alarm import Action, Alarm, AlarmState, Severity
from slipway.monitoring.result import MonitorResult

WORKFLOW = "monitor.yml"
RULE = "monitor-run"
# The schedule is daily, and GitHub may start a run hours late: two days and two hours mean that one was lost.
LONGEST_GAP = timedelta(hours=50)
_ADVICE = (
    "Look at the newest runs of monitor.yml. GitHub ends schedules after 60 days without activity in a public "
    "repository: Actions, monitor, Enable workflow. Nothing is lost while the log is kept: the next run measures the "
    "days in between."
)


def list_alarms(result: MonitorResult, issues: Iterable[Issue]) -> list[Alarm]:
    """Return the alarms of a result, with those that have recovered since an earlier run of which only issues are left.

    A runner that is thrown away keeps no alarms from run to run. An alarm that the result does not name has recovered
    if its figure could be measured; without a figure its issue stays open.
    """
    named = {alarm.fingerprint for alarm in result.alarms}
    prefix = f"{result.environment}/"
    open_ones = {each.fingerprint for each in issues if each.fires and each.fingerprint.startswith(prefix)}
    recovered = (_recovered(result, each) for each in sorted(open_ones - named))
    return [*result.alarms, *(alarm for alarm in recovered if alarm)]


def find_run_alarm(github: GitHub, environment: str, ran: bool, now: datetime) -> Alarm:
    """Return the alarm of the monitor itself: it fires where this run failed, or no run succeeded for too long before.

    Raises `GitHubError`.
    """
    last = _last_success(github)
    late = last is not None and now - last > LONGEST_GAP
    since = last or now
    if not ran:
        said = "The run of the monitor failed, so nothing was measured."
    elif late:
        said = f"The monitor did not run for {format_number((now - since) / timedelta(days=1))} days before this run."
    else:
        said = "The monitor ran."
    return Alarm(
        environment=environment,
        rule=RULE,
        measurement="monitor",
        severity=Severity.WARNING,
        action=Action.ISSUE,
        state=AlarmState.FIRING if late or not ran else AlarmState.RECOVERED,
        since=since,
        windows=(1, 1),
        observed=None,
        limit=f"a successful run every {LONGEST_GAP // timedelta(hours=1)} hours",
        sentence=said,
        advice=_ADVICE,
    )


def _last_success(github: GitHub) -> datetime | None:
    found = github.get(f"actions/workflows/{WORKFLOW}/runs", status="success", per_page=1)["workflow_runs"]
    return datetime.fromisoformat(found[0]["created_at"]).astimezone(UTC) if found else None


def _recovered(result: MonitorResult, fingerprint: str) -> Alarm | None:
    """Return the alarm as recovered if its figure is in a newest window, None otherwise."""
    parts = fingerprint.split("/", 2)
    if len(parts) != len(("environment", "rule", "measurement")):
        raise GitHubError(f"An issue has the fingerprint {fingerprint!r}; expected ENVIRONMENT/RULE/MEASUREMENT.")
    environment, rule, name = parts
    measured = (window.find(name) for window in result.newest)
    figure = next((each.figure for each in measured if each and each.figure), None)
    if figure is None:
        return None
    return Alarm(
        environment=environment,
        rule=rule,
        measurement=name,
        severity=Severity.NOTE,
        action=Action.NONE,
        state=AlarmState.RECOVERED,
        since=result.at,
        windows=(0, 1),
        observed=figure,
        limit="as in monitor.yaml",
        sentence=f"The newest windows no longer break the rule {rule}.",
        advice="",
    )
