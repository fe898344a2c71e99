"""Keep one issue for each alarm: opened when it fires, updated in each run, closed when it has recovered.

An issue is found by its label, its author and the marker that begins its body. One that a person closed stays closed
until its alarm has recovered once; the next time that the alarm fires, it gets a new issue.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from slipway.github.alarms.render import read_marker, render_duplicate, render_issue, render_title
from slipway.github.client.api import GitHub
from slipway.monitoring.alarms.alarm import Action, Alarm, AlarmState

LABEL = "monitor"


class AlarmIssue(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm, what was done with its issue, and where the issue is; without an issue `number` is None."""

    fingerprint: str
    did: Literal["opened", "updated", "unchanged", "closed", "left closed", "nothing"]
    number: int | None = None
    url: str | None = None


class Issue(NamedTuple):
    """An issue of an alarm as GitHub has it; `fires` is what it said of the alarm when it was written last."""

    number: int
    url: str
    fingerprint: str
    fires: bool
    is_open: bool
    title: str
    body: str


def write_issues(
    github: GitHub, alarms: Iterable[Alarm], known: list[Issue], run: str | None = None
) -> list[AlarmIssue]:
    """Bring the issue of each alarm up to date; `run` is the address of the run that measured.

    Raises `GitHubError`. Run again after one, with the issues that are known then, it does what is left and nothing
    twice.
    """
    return [_write(github, alarm, known, run) for alarm in alarms]


def list_issues(github: GitHub) -> list[Issue]:
    """Return every issue of an alarm, the oldest first; raises `GitHubError`."""
    # Every account can write the marker, and some may set the label: only issues of this token's own author count.
    myself = github.login()
    found = github.pages("issues", state="all", labels=LABEL, sort="created", direction="asc")
    own = (each for each in found if (each.get("user") or {}).get("login") == myself and "pull_request" not in each)
    return [issue for each in own if (issue := _read(each))]


def find_issue(issues: Iterable[Issue], fingerprint: str) -> Issue | None:
    """Return the issue of an alarm that is open, or that a person closed before the alarm recovered."""
    return next(iter(_current(issues, fingerprint)), None)


def _current(issues: Iterable[Issue], fingerprint: str) -> list[Issue]:
    found = [each for each in issues if each.fingerprint == fingerprint and (each.is_open or each.fires)]
    return sorted(found, key=lambda each: (not each.is_open, each.number))


def _write(github: GitHub, alarm: Alarm, known: list[Issue], run: str | None) -> AlarmIssue:
    current = _current(known, alarm.fingerprint)
    for other in current[1:]:
        _close_duplicate(github, other, current[0].number)
    issue = current[0] if current else None
    if alarm.state is AlarmState.RECOVERED:
        return _recover(github, alarm, issue, run)
    if issue is None:
        return _open(github, alarm, run)
    if not issue.is_open:
        return _said(alarm, "left closed", issue)
    wanted = {"title": render_title(alarm), "body": render_issue(alarm, run)}
    if wanted == {"title": issue.title, "body": issue.body}:
        return _said(alarm, "unchanged", issue)
    github.send("PATCH", f"issues/{issue.number}", wanted)
    return _said(alarm, "updated", issue)


def _open(github: GitHub, alarm: Alarm, run: str | None) -> AlarmIssue:
    if alarm.action is Action.NONE:
        return AlarmIssue(fingerprint=alarm.fingerprint, did="nothing")
    _create_label(github)
    body = {"title": render_title(alarm), "body": render_issue(alarm, run), "labels": [LABEL]}
    made = github.send("POST", "issues", body)
    return AlarmIssue(fingerprint=alarm.fingerprint, did="opened", number=made["number"], url=made["html_url"])


def _create_label(github: GitHub) -> None:
    """Create the label unless it exists: an issue without it would not be found again."""
    if github.find(f"labels/{LABEL}") is None:
        github.send("POST", "labels", {"name": LABEL, "color": "b60205", "description": "An alarm of the monitor"})


def _recover(github: GitHub, alarm: Alarm, issue: Issue | None, run: str | None) -> AlarmIssue:
    if issue is None or not issue.fires:
        return AlarmIssue(fingerprint=alarm.fingerprint, did="nothing")
    # One request: a run that dies between two would leave a closed issue whose alarm still fires, or the reverse.
    closed = {"state": "closed", "state_reason": "completed"} if issue.is_open else {}
    github.send("PATCH", f"issues/{issue.number}", {"body": render_issue(alarm, run), **closed})
    return _said(alarm, "closed" if issue.is_open else "left closed", issue)


def _close_duplicate(github: GitHub, other: Issue, number: int) -> None:
    """Close a second issue of an alarm: two runs at once may each have opened one."""
    body = render_duplicate(other.fingerprint, number)
    github.send("PATCH", f"issues/{other.number}", {"body": body, "state": "closed", "state_reason": "not_planned"})


def _said(alarm: Alarm, did: Literal["updated", "unchanged", "closed", "left closed"], issue: Issue) -> AlarmIssue:
    return AlarmIssue(fingerprint=alarm.fingerprint, did=did, number=issue.number, url=issue.url)


def _read(found: dict[str, Any]) -> Issue | None:
    """Return the issue, None if its body does not begin with the marker."""
    body = found.get("body") or ""
    marker = read_marker(body)
    if marker is None:
        return None
    fingerprint, state = marker
    fires, is_open = state is AlarmState.FIRING, found["state"] == "open"
    return Issue(found["number"], found["html_url"], fingerprint, fires, is_open, found["title"], body)
