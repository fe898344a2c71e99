"""Render the issue of an alarm: the finding, the figures, what to do, and the marker by which the issue is found.

Names of categories come from what clients send: every text is escaped.
"""

import re
from urllib.parse import quote, unquote

from slipway.figures import format_figure
from slipway.markdown import Part, escape_markdown, inline_code, join_parts, markdown_table
from slipway.monitoring.alarms.alarm import Action, Alarm, AlarmState

_MARKER = re.compile(r"<!-- slipway:alarm (\S+) (firing|recovered) -->")
# GitHub accepts 256 characters in a title.
_TITLE = 200
_CONSEQUENCE = {
    Action.NONE: "Nothing is started.",
    Action.ISSUE: "Nothing is started: a person decides.",
    Action.PAGE: "The person on call is paged by the alert rules, where they are set up.",
    Action.RETRAIN: "`retrain.yml` is started, at most once in a cool-down: docs/on-call.md.",
    Action.ROLLBACK: "The release may be rolled back by rule, where probation is switched on.",
}
_FOOT = (
    "*Written by `monitor.yml`, which updates this text in every run and closes the issue when the alarm has "
    "recovered. Closed by a person, it stays closed until then. What to do: docs/on-call.md.*"
)


def render_title(alarm: Alarm) -> str:
    """Return the title of the alarm's issue."""
    title = f"{alarm.environment}: {alarm.measurement} broke the rule {alarm.rule}"
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 3]}..."


def render_issue(alarm: Alarm, run: str | None) -> str:
    """Return the text of the alarm's issue; `run` is the address of the run that measured."""
    recovered = alarm.state is AlarmState.RECOVERED
    heading = "Recovered" if recovered else f"{alarm.severity.value.capitalize()} alarm"
    parts = [
        Part(f"## {heading}: {inline_code(alarm.measurement)} in {inline_code(alarm.environment)}"),
        Part(escape_markdown(alarm.finding)),
        Part(markdown_table(["what", "value"], _rows(alarm))),
        Part("" if recovered else f"**What to do.** {escape_markdown(alarm.advice)}" if alarm.advice else ""),
        Part("" if recovered else _CONSEQUENCE[alarm.action]),
        Part(f"[The run that measured this]({run}) has the report as an artifact." if run else ""),
        Part(_FOOT),
    ]
    return f"{_write_marker(alarm.fingerprint, alarm.state)}\n{join_parts(parts)}"


def render_duplicate(fingerprint: str, number: int) -> str:
    """Return the text of an issue whose alarm has the issue `number` already."""
    return f"{_write_marker(fingerprint, AlarmState.RECOVERED)}\nDuplicate of #{number}: one alarm has one issue.\n"


def read_marker(body: str) -> tuple[str, AlarmState] | None:
    """Return the fingerprint and the state that the text of an issue begins with, None if it has no marker."""
    match = _MARKER.match(body)
    return (unquote(match[1]), AlarmState(match[2])) if match else None


def _write_marker(fingerprint: str, state: AlarmState) -> str:
    # Quoted, a category of the data cannot end the comment.
    return f"<!-- slipway:alarm {quote(fingerprint)} {state.value} -->"


def _rows(alarm: Alarm) -> list[list[str]]:
    broken, of = alarm.windows
    return [
        ["observed", inline_code(format_figure(alarm.observed))],
        ["limit", escape_markdown(alarm.limit)],
        ["rule", inline_code(alarm.rule)],
        ["windows that broke it", f"{broken} of {of}"],
        ["since", f"{alarm.since:%Y-%m-%d %H:%M} UTC"],
    ]
