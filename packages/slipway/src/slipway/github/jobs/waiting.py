"""Cancel runs that wait for an approval: after a rollback they would deploy the release that was rolled back.

A run that is still working is not cancelled, because half a deployment would have to be repaired. It ends at staging:
a verdict from before a rollback is not promoted after it.
"""

import re
from typing import Any

import msgspec

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub

_WORKFLOW = re.compile(r"[\w.-]+\.ya?ml")
# GitHub's response for a run that has ended meanwhile.
_CONFLICT = 409


class Waiting(msgspec.Struct, frozen=True):
    """A run that waited; `cancelled` is False where it continued or ended first."""

    run: int
    title: str
    commit: str
    url: str
    cancelled: bool


def cancel_waiting_runs(github: GitHub, workflow: str) -> list[Waiting]:
    """Cancel every run of the workflow's file that waits for an approval; raises `GitHubError`."""
    if not _WORKFLOW.fullmatch(workflow):
        raise GitHubError(f"Expected the file name of a workflow, like cd.yml; found {workflow!r}.")
    # List all first: cancelling the runs of one page shifts the next.
    found = list(github.pages(f"actions/workflows/{workflow}/runs", key="workflow_runs", status="waiting"))
    return [_cancel(github, run) for run in found]


def _cancel(github: GitHub, run: dict[str, Any]) -> Waiting:
    cancelled = True
    try:
        github.send("POST", f"actions/runs/{run['id']}/cancel")
    except GitHubError as error:
        if error.status != _CONFLICT:
            raise
        cancelled = False
    return Waiting(run["id"], run.get("display_title") or "", run["head_sha"], run.get("html_url") or "", cancelled)
