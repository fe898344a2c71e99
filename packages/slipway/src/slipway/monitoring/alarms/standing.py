"""Settle an alarm of the run before: it goes on, has recovered, or stands because nothing newer could be judged."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from slipway.figures import Figure, format_figure
from slipway.monitoring.alarms.alarm import Alarm, AlarmState
from slipway.monitoring.alarms.judged_window import Judged, explain_unjudged, is_of_model
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.rules import Rule
from slipway.monitoring.windows import MOST_WINDOWS, STEP_DAYS

# An alarm that nothing newer confirms or ends stands no longer than the windows reach back.
_LONGEST = timedelta(days=MOST_WINDOWS * STEP_DAYS)
# Measurements of the rows that one release answered, beside those of how it does.
_OF_RELEASE = ("shadow:", "slice:", "release:", "drift:score", "foreign_scores")


def continue_alarm(alarm: Alarm, before: Alarm | None) -> Alarm:
    """Return an alarm that fires with its beginning in the run before, where it fired there."""
    return msgspec.structs.replace(alarm, since=min(alarm.since, before.since)) if before else alarm


def settle_alarm(alarm: Alarm, result: MonitorResult, rule: Rule | None, judged: Sequence[Judged]) -> Alarm:
    """Return an alarm of the run before that no window of this one fires, with what became of it.

    `judged` are the windows that could be judged, the oldest first. It has recovered if one of them is as new as the
    window that it fired on; a figure that is missing, or that rests on too little, ends no alarm.
    """
    if rule is None or not rule.enabled or not rule.watches(alarm.measurement):
        return _end(alarm, f"{alarm.measurement} is no longer watched by a rule {alarm.rule} of monitor.yaml.")
    if alarm.release and alarm.release != result.release and _is_of_release(alarm.measurement):
        return _end(alarm, f"The release {alarm.release[:12]}, which {alarm.measurement} was about, no longer serves.")
    last = alarm.judged or alarm.since
    if judged and judged[-1].window.end >= last:
        figure, end = judged[-1].measurement.figure, judged[-1].window.end
        found = f"{alarm.measurement} is {format_figure(figure)} in the windows up to {end:%Y-%m-%d}"
        return _end(alarm, f"{found}, expected {alarm.limit}.", figure)
    why = explain_unjudged(rule, alarm.measurement, result.of_length(rule.window)[-1], result.release)
    if result.at - last > _LONGEST:
        return _end(alarm, f"{alarm.measurement} could not be judged for {_LONGEST.days} days: {why}.")
    return msgspec.structs.replace(alarm, judged=last, unjudged=why or "an older window alone was judged")


def _end(alarm: Alarm, sentence: str, observed: Figure | None = None) -> Alarm:
    return msgspec.structs.replace(alarm, state=AlarmState.RECOVERED, observed=observed, sentence=sentence, unjudged="")


def _is_of_release(measurement: str) -> bool:
    return is_of_model(measurement) or measurement.startswith(_OF_RELEASE)
