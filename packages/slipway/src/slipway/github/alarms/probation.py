"""Start rollback.yml where a release does worse than the release before it on the same requests.

The release before runs as the shadow: both score the same rows. The rule `probation` of monitor.yaml switches it on.
"""

from pathlib import Path

from slipway.github.alarms.start import Start, find_asking_alarm, start_workflow
from slipway.github.client.api import GitHub
from slipway.ledger import Ledger
from slipway.markdown import inline_code
from slipway.monitoring.alarms.alarm import Action, Alarm
from slipway.monitoring.result import MonitorResult

WORKFLOW = "rollback.yml"
# What the monitor notes beside a measurement of a shadow.
_SHADOW = "shadow "


def end_probation(github: GitHub, root: Path, result: MonitorResult) -> Start:
    """Start rollback.yml for the alarm that asks for it, once; raises `GitHubError`, `LedgerError`."""
    alarm = find_asking_alarm(result, Action.ROLLBACK)
    if alarm is None:
        return Start(started=False, why="No alarm asks for a rollback.")
    inputs = {"environment": result.environment, "reason": f"probation: {alarm.sentence}"}
    return start_workflow(github, WORKFLOW, alarm, inputs, _obstacle(github, root, result, alarm))


def _obstacle(github: GitHub, root: Path, result: MonitorResult, alarm: Alarm) -> str | None:
    """Return what speaks against a rollback, None if nothing does."""
    before, shadow = _release_before(root, result), _shadow_of(result, alarm.measurement)
    if shadow is None:
        return "it compares no shadow with what serves, and only the release before can tell that a release is worse."
    if before is None or not before.startswith(shadow):
        named = inline_code(before[:12]) if before else "none"
        return f"the shadow is {inline_code(shadow)}, and the release before what serves is {named}."
    since = {"created": f">={alarm.since:%Y-%m-%d}"}
    runs = list(github.pages(f"actions/workflows/{WORKFLOW}/runs", "workflow_runs", **since))
    if runs:
        return f"{WORKFLOW} was started already: {runs[0]['html_url']}"
    return None


def _release_before(root: Path, result: MonitorResult) -> str | None:
    """Return the bundle that served before the one that was measured, None if that one does not serve any more."""
    entries = Ledger(root).history(result.environment)
    bundles = list(dict.fromkeys(entry.serving.bundle for entry in entries if entry.serving))
    return bundles[1] if len(bundles) > 1 and bundles[0] == result.release else None


def _shadow_of(result: MonitorResult, measurement: str) -> str | None:
    """Return the first digits of the shadow that the measurement is about."""
    newest = (window.find(measurement) for window in result.newest)
    notes = (each.note for each in newest if each and each.figure and measurement.startswith("shadow:"))
    note = next((text for text in notes if text.startswith(_SHADOW)), None)
    return note.removeprefix(_SHADOW).split(";")[0] if note else None
