"""Start a workflow for an alarm that asks for it, or say why not."""

import msgspec

from slipway.github.client.api import GitHub
from slipway.markdown import inline_code
from slipway.monitoring.alarms.alarm import Action, Alarm
from slipway.monitoring.result import MonitorResult


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The decision to start a workflow: made or not, for which alarm, and why, as Markdown."""

    started: bool
    why: str
    alarm: str | None = None


def find_asking_alarm(result: MonitorResult, action: Action) -> Alarm | None:
    """Return the first alarm that fires and asks for the action, None if there is none.

    One that rests on old windows, because nothing newer can be judged, starts nothing.
    """
    return next((each for each in result.firing if each.action is action and not each.unjudged), None)


def start_workflow(
    github: GitHub, workflow: str, alarm: Alarm, inputs: dict[str, str], obstacle: str | None = None
) -> Start:
    """Start the workflow on the default branch for the alarm, unless there is an obstacle; raises `GitHubError`."""
    shown = inline_code(alarm.fingerprint)
    if obstacle:
        why = f"No {workflow.removesuffix('.yml')} was started for {shown}: {obstacle}"
        return Start(started=False, why=why, alarm=alarm.fingerprint)
    branch = github.get("")["default_branch"]
    github.send("POST", f"actions/workflows/{workflow}/dispatches", {"ref": branch, "inputs": inputs})
    return Start(started=True, why=f"{workflow} was started for {shown}.", alarm=alarm.fingerprint)
