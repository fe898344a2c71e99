"""Judge the windows of a run by the rules: which alarms fire, since when, and which have recovered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slipway.figures import format_figure
from slipway.monitoring.alarms.advice import advise
from slipway.monitoring.alarms.alarm import Alarm, AlarmState
from slipway.monitoring.alarms.judged_window import (
    Judged,
    describe_limit,
    explain_unjudged,
    has_release,
    judge_window,
)
from slipway.monitoring.alarms.standing import continue_alarm, settle_alarm
from slipway.monitoring.result import MonitorResult, name_window
from slipway.monitoring.rules import Rule


def judge_rules(result: MonitorResult, rules: dict[str, Rule], before: Sequence[Alarm] = ()) -> tuple[Alarm, ...]:
    """Return the alarms that fire, and those of `before`, the alarms of the run before, that have recovered."""
    known = {alarm.fingerprint: alarm for alarm in before if alarm.state is AlarmState.FIRING}
    found = [continue_alarm(alarm, known.get(alarm.fingerprint)) for alarm in _firing(result, rules)]
    firing = {alarm.fingerprint for alarm in found}
    found += [
        settle_alarm(alarm, result, rules.get(alarm.rule), _judge_windows(result, rules, alarm))
        for name, alarm in known.items()
        if name not in firing and alarm.environment == result.environment
    ]
    return tuple(sorted(found, key=lambda alarm: (alarm.state is not AlarmState.FIRING, alarm.fingerprint)))


def explain_unjudged_rules(result: MonitorResult, rules: dict[str, Rule]) -> dict[str, str]:
    """Return the measured rules that nothing could be judged by, each with why the newest window cannot be judged."""
    found = {}
    for name, rule in rules.items():
        watched = _list_watched(result, rule) if rule.enabled else []
        if watched and not any(_judge_each(result, rule, measurement) for measurement in watched):
            newest = result.of_length(rule.window)[-1]
            found[name] = explain_unjudged(rule, watched[0], newest, _find_release(result, rule))
    return found


def _judge_windows(result: MonitorResult, rules: dict[str, Rule], alarm: Alarm) -> list[Judged]:
    rule = rules.get(alarm.rule)
    return _judge_each(result, rule, alarm.measurement) if rule else []


def _firing(result: MonitorResult, rules: dict[str, Rule]) -> Iterator[Alarm]:
    for name, rule in rules.items():
        if not rule.enabled:
            continue
        for measurement in _list_watched(result, rule):
            alarm = _judge_one(result, name, rule, measurement)
            if alarm is not None:
                yield alarm


def _list_watched(result: MonitorResult, rule: Rule) -> list[str]:
    """Return the names of the measurements that a rule is about."""
    names = (each.name for window in result.of_length(rule.window) for each in window.measurements)
    return [name for name in dict.fromkeys(names) if rule.watches(name)]


def _judge_each(result: MonitorResult, rule: Rule, measurement: str) -> list[Judged]:
    """Return the windows that could be judged, the oldest first."""
    release, windows = _find_release(result, rule), result.of_length(rule.window)
    return [found for window in windows if (found := judge_window(rule, measurement, window, release)) is not None]


def _find_release(result: MonitorResult, rule: Rule) -> str | None:
    """Return the release that serves, None where it has answered in no window."""
    windows = result.of_length(rule.window)
    return result.release if any(has_release(window, result.release) for window in windows) else None


def _judge_one(result: MonitorResult, name: str, rule: Rule, measurement: str) -> Alarm | None:
    judged = _judge_each(result, rule, measurement)
    since = _find_start(rule, judged)
    if since is None:
        return None
    last = judged[-rule.of[1] :]
    broken = sum(each.broken for each in last)
    newest, after = judged[-1], result.of_length(rule.window)[-1]
    unjudged = explain_unjudged(rule, measurement, after, _find_release(result, rule))
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
        limit=describe_limit(rule, newest.measurement),
        sentence=_say(rule, newest, broken, len(last)),
        advice=rule.advice or advise(measurement),
        judged=newest.window.end,
        unjudged=unjudged,
        release=result.release,
    )


def _find_start(rule: Rule, judged: Sequence[Judged]) -> datetime | None:
    """Return the end of the window with which the alarm that fires now began, None if none does."""
    (k, n), since = rule.of, None
    for at, newest in enumerate(judged, 1):
        broken = sum(each.broken for each in judged[max(0, at - n) : at]) >= k
        lasts = broken or (since is not None and newest.outside)
        since = (since or newest.window.end) if lasts else None
    return since


def _say(rule: Rule, newest: Judged, broken: int, of: int) -> str:
    window, found = newest.window, newest.measurement
    rests = f"{found.rows or window.rows:,} {'outcomes' if rule.fewest_outcomes else 'rows'}"
    lasts = "" if broken >= rule.of[0] else ", and the value is not back within it"
    return (
        f"{found.name} is {format_figure(found.figure)} in the {name_window(window)} ({rests}), "
        f"expected {describe_limit(rule, found)}; broken in {broken} of the last {of} windows{lasts}."
    )
