"""Judge the windows of a run by the rules: which alarms fire, since when, and which have recovered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from slipway.evaluation.metrics import METRICS, Better
from slipway.figures import Figure, format_figure, format_number
from slipway.monitoring.alarms.advice import advise
from slipway.monitoring.alarms.alarm import Alarm, AlarmState
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.result import MonitorResult, Window
from slipway.monitoring.rules import Rule

_LOW_IS_BAD = {"skill", "coverage"}


class Judged(msgspec.Struct, frozen=True):
    """A measurement of one window that was judged: `broken` by its whole interval, `outside` by its value alone."""

    window: Window
    measurement: Measurement
    broken: bool
    outside: bool


def judge_rules(result: MonitorResult, rules: dict[str, Rule], before: Sequence[Alarm] = ()) -> tuple[Alarm, ...]:
    """Return the alarms that fire, and those of `before`, the alarms of the run before, that have recovered."""
    firing = {alarm.fingerprint: alarm for alarm in _firing(result, rules)}
    known = {alarm.fingerprint: alarm for alarm in before if alarm.state is AlarmState.FIRING}
    kept = [
        msgspec.structs.replace(alarm, since=min(alarm.since, known[name].since)) if name in known else alarm
        for name, alarm in firing.items()
    ]
    over = [
        _recover(alarm, result, rules)
        for name, alarm in known.items()
        if name not in firing and alarm.environment == result.environment
    ]
    return tuple(sorted([*kept, *over], key=lambda alarm: (alarm.state is not AlarmState.FIRING, alarm.fingerprint)))


def _firing(result: MonitorResult, rules: dict[str, Rule]) -> Iterator[Alarm]:
    for name, rule in rules.items():
        if not rule.enabled:
            continue
        windows = result.of_length(rule.window)
        watched = dict.fromkeys(
            each.name for window in windows for each in window.measurements if rule.watches(each.name)
        )
        for measurement in watched:
            alarm = _judge_one(result, name, rule, measurement, windows)
            if alarm is not None:
                yield alarm


def _judge_one(
    result: MonitorResult, name: str, rule: Rule, measurement: str, windows: Sequence[Window]
) -> Alarm | None:
    release = result.release if any(_has(window, result.release) for window in windows) else None
    judged = [found for window in windows if (found := _judge_window(rule, measurement, window, release)) is not None]
    since = _find_start(rule, judged)
    if since is None:
        return None
    last = judged[-rule.of[1] :]
    broken = sum(each.broken for each in last)
    newest = judged[-1]
    return Alarm(
        environment=result.environment,
        rule=name,
        measurement=measurement,
        severity=rule.severity,
        action=rule.action,
        state=AlarmState.FIRING,
        since=since,
        windows=(broken, len(last)),
        observed=newest.measurement.figure,
        limit=_describe_limit(rule, newest.measurement),
        sentence=_say(rule, newest, broken, len(last)),
        advice=rule.advice or advise(measurement),
    )


def _judge_window(rule: Rule, measurement: str, window: Window, release: str | None = None) -> Judged | None:
    """Judge one window; None where it has too few rows or outcomes, or the measurement has no figure.

    Of what is about a model, that of the `release` that serves is judged: what the one before it did is over.
    """
    found = window.find(measurement)
    if found is not None and release is not None and _is_of_model(measurement):
        if not _has(window, release):
            return None
        found = window.find(f"release:{release[:12]}:{measurement}") or found
    if found is None or found.figure is None:
        return None
    if window.rows < rule.fewest_rows or min(window.outcomes, found.rows or window.outcomes) < rule.fewest_outcomes:
        return None
    if rule.beyond == "limit" and found.limit is None:
        return None
    if rule.beyond == "evaluation" and found.reference is None:
        return None
    value = msgspec.structs.replace(found, figure=Figure(value=found.figure.value))
    return Judged(window, found, _is_broken(rule, found), _is_broken(rule, value))


def _has(window: Window, release: str | None) -> bool:
    return any(each.bundle == release for each in window.releases)


def _is_of_model(measurement: str) -> bool:
    return measurement in ("skill", "slope", "bias") or any(measurement in metrics for metrics in METRICS.values())


def _find_start(rule: Rule, judged: Sequence[Judged]) -> datetime | None:
    """Return the end of the window with which the alarm that fires now began, None if none does."""
    (k, n), since = rule.of, None
    for at, newest in enumerate(judged, 1):
        broken = sum(each.broken for each in judged[max(0, at - n) : at]) >= k
        lasts = broken or (since is not None and newest.outside)
        since = (since or newest.window.end) if lasts else None
    return since


def _is_broken(rule: Rule, found: Measurement) -> bool:
    figure = found.figure or Figure(value=0.0)
    low, high = _ends(figure)
    if rule.beyond == "limit":
        return found.limit is not None and low > found.limit
    if rule.beyond == "evaluation":
        then_low, then_high = _ends(found.reference or figure)
        worse_below, worse_above = high < then_low, low > then_high
        better = _better(found.name)
        return (worse_below and better is not Better.LOWER) or (worse_above and better is not Better.HIGHER)
    above = rule.above is not None and low > rule.above
    return above or (rule.below is not None and high < rule.below)


def _ends(figure: Figure) -> tuple[float, float]:
    if figure.low is None or figure.high is None:
        return figure.value, figure.value
    return figure.low, figure.high


def _better(name: str) -> Better | None:
    """Return the direction in which a measurement improves, None where both directions are bad."""
    last = name.rsplit(":", 1)[-1]
    if last in _LOW_IS_BAD:
        return Better.HIGHER
    return next((metrics[last].better for metrics in METRICS.values() if last in metrics), None)


def _describe_limit(rule: Rule, found: Measurement) -> str:
    """Say in a few words what was allowed."""
    if rule.beyond == "limit":
        return f"at most {format_number(found.limit or 0)}, its calibrated limit"
    if rule.beyond == "evaluation":
        return f"within the evaluation's {format_figure(found.reference)}"
    if rule.above is not None and rule.below is not None:
        return f"from {format_number(rule.below)} to {format_number(rule.above)}"
    if rule.above is not None:
        return f"at most {format_number(rule.above)}"
    return f"at least {format_number(rule.below or 0)}"


def _say(rule: Rule, newest: Judged, broken: int, of: int) -> str:
    window, found = newest.window, newest.measurement
    rests = f"{found.rows or window.rows:,} {'outcomes' if rule.fewest_outcomes else 'rows'}"
    lasts = "" if broken >= rule.of[0] else ", and the value is not back within it"
    return (
        f"{found.name} is {format_figure(found.figure)} in the {window.days} days to {window.end:%Y-%m-%d} ({rests}), "
        f"expected {_describe_limit(rule, found)}; broken in {broken} of the last {of} windows{lasts}."
    )


def _recover(alarm: Alarm, result: MonitorResult, rules: dict[str, Rule]) -> Alarm:
    """Return an alarm of the run before as recovered, with what is found now."""
    rule = rules.get(alarm.rule)
    windows = result.of_length(rule.window) if rule else ()
    found = windows[-1].find(alarm.measurement) if windows else None
    figure = found.figure if found else None
    now = f"is {format_figure(figure)}" if figure else "is no longer measured"
    return msgspec.structs.replace(
        alarm,
        state=AlarmState.RECOVERED,
        observed=figure,
        sentence=f"{alarm.measurement} {now} in the windows up to {result.at:%Y-%m-%d}, expected {alarm.limit}.",
    )
