"""Write the one comment of a pull request, found by its marker and author and updated in place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub
from slipway.github.client.comment import upsert_comment
from slipway.github.jobs.context import Commit
from slipway.github.pr_report.render import render_headline, render_missing_report, render_report
from slipway.github.pr_report.schema import Report, read_artifact

MARKER = "<!-- slipway:report -->"


class Run(msgspec.Struct, frozen=True):
    """The run of CI that ended, as GitHub describes it."""

    event: str
    head_sha: Commit
    html_url: Annotated[str, Meta(pattern=r"\Ahttps?://[^\s()<>]+\Z")]
    conclusion: str | None = None
    head_branch: str | None = None
    head_repository: dict[str, Any] | None = None
    pull_requests: tuple[dict[str, Any], ...] = ()


class Event(msgspec.Struct, frozen=True):
    """The event `workflow_run`, which comes from GitHub and not from the artifact."""

    workflow_run: Run
    repository: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The action taken, and `why` in one sentence for a log; without a pull request `number` is None."""

    did: Literal["created", "updated", "nothing"]
    why: str
    number: int | None = None
    url: str | None = None


def read_run_event(path: Path) -> Event:
    """Read the event's file; raises `GitHubError`."""
    return read_json(path, Event, GitHubError, "Expected the event workflow_run: in a workflow, $GITHUB_EVENT_PATH.")


def write_comment(github: GitHub, artifact: Path, event: Event) -> Outcome:
    """Write the report of the run into the one comment of its pull request; without a report, how the run ended.

    Raises `GitHubError` for a malformed artifact or one of another commit, after the comment was updated to say that
    the report is unreadable. A pull request that is closed or has a newer commit is not changed.
    """
    run = event.workflow_run
    if run.event != "pull_request":
        return Outcome(did="nothing", why=f"the run belongs to the event {run.event}, and to no pull request")
    number, why = _pull_request(github, event)
    if number is None:
        return Outcome(did="nothing", why=why)
    nothing = render_missing_report(run.head_sha, run.html_url, run.conclusion)
    try:
        report = _report(artifact, run)
    except GitHubError:
        # Otherwise the result of an earlier run would be taken for this one's.
        upsert_comment(github, number, MARKER, nothing)
        raise
    body = render_report(report, run=run.html_url, conclusion=run.conclusion) if report else nothing
    did, url = upsert_comment(github, number, MARKER, body)
    said = render_headline(report, run.conclusion) if report else "the run left no report"
    return Outcome(did=did, why=said, number=number, url=url)


def _report(artifact: Path, run: Run) -> Report | None:
    """Return the report of the run, None without an artifact; raises `GitHubError` for one of another commit."""
    report = read_artifact(artifact)
    if report and report.head != run.head_sha:
        raise GitHubError(
            f"The report is refused: it speaks of commit {report.head[:12]}, and the run was for {run.head_sha[:12]}."
        )
    return report


def _pull_request(github: GitHub, event: Event) -> tuple[int | None, str]:
    """Return the open pull request whose head the run was for, or the reason why there is none."""
    run, fitting, why = event.workflow_run, [], "no open pull request has this head"
    for number in _candidates(github, event):
        found = github.get(f"pulls/{number}")
        if found["state"] != "open":
            why = f"#{number} is closed"
        elif found["head"]["sha"] != run.head_sha:
            why = (
                f"#{number} has a newer commit by now: {found['head']['sha'][:12]}, the run was for {run.head_sha[:12]}"
            )
        else:
            fitting.append(number)
    if len(fitting) > 1:
        listed = " and ".join(f"#{number}" for number in fitting)
        raise GitHubError(
            f"Cannot tell which pull request the run was for: {listed} have the same head {run.head_sha[:12]}. Close "
            "all but one, or use separate branches."
        )
    return (fitting[0], "") if fitting else (None, why)


def _candidates(github: GitHub, event: Event) -> Iterator[int]:
    run = event.workflow_run
    # A run lists the pull requests of its branch in every fork; their numbers belong to other repositories.
    listed = [each["number"] for each in run.pull_requests if each["base"]["repo"]["id"] == event.repository["id"]]
    if listed:
        yield from listed
    elif run.head_repository and run.head_branch:
        # A run for a fork lists none.
        head = f"{run.head_repository['owner']['login']}:{run.head_branch}"
        yield from (found["number"] for found in github.pages("pulls", state="open", head=head))
