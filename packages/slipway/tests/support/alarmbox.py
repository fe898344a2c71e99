"""An alarm, the same alarm recovered, and the result of a monitor's run that holds alarms."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from slipway.figures import Figure
from slipway.monitoring.alarm import Action, Alarm, AlarmState, Severity
from slipway.monitoring.result import MonitorResult, Window

NOW = datetime(2013, 12, 15, tzinfo=UTC)
SKILL = Alarm(
    environment="production",
    rule="effectiveness",
    measurement="skill",
    severity=Severity.CRITICAL,
    action=Action.RETRAIN,
    state=AlarmState.FIRING,
    since=NOW,
    windows=(3, 4),
    observed=Figure(value=0.05, low=0.03, high=0.07),
    limit="above 0.09, the lower end of the evaluation's interval",
    sentence="The skill is 0.05, and the evaluation's interval begins at 0.09.",
    advice="Look at the slices first.",
)
RECOVERED = replace(SKILL, state=AlarmState.RECOVERED, observed=Figure(value=0.12), sentence="The skill is 0.12 again.")


def result(*alarms, measurements=(), outcomes=5000):
    """Return a result whose one window of 14 days ends now."""
    window = Window(
        start=NOW - timedelta(days=14), end=NOW, rows=9000, outcomes=outcomes, measurements=tuple(measurements)
    )
    return MonitorResult(
        environment="production", problem="flights", clock="logged", at=NOW, windows=(window,), alarms=alarms
    )
