"""Render what a retrain leaves at GitHub: the text of its pull request, and the comments of other ends."""

from slipway.github.alarms.issues import Issue
from slipway.markdown import Part, escape_markdown, fit_parts, inline_code, join_parts
from slipway.monitoring.retrain.result import RetrainResult

# GitHub accepts 65,536 characters; these are bytes, with room for a marker.
_MOST = 60_000
_BY_APP = "CI runs on this pull request as on any other; its gate judges again, and merging it releases the model."
_BY_WORKFLOW = (
    "**CI has not started**: a pull request that a workflow's own token opens starts no workflow. Press *Close pull "
    "request*, then *Reopen pull request*. With an app (docs/github-setup.md, Retraining) it starts by itself."
)


def render_pull_request(result: RetrainResult, run: str, issue: Issue | None, *, by_app: bool) -> str:
    """Return the text of the pull request; `run` is the address of the run, `issue` the alarm's."""
    alarm = f"the alarm of #{issue.number}, {escape_markdown(issue.title)}" if issue else "hand"
    parts = [
        Part(f"Started by {alarm}. [The run that retrained]({run})."),
        Part(_BY_APP if by_app else _BY_WORKFLOW),
        Part(escape_markdown(result.sentence)),
        Part(result.report, "Figures of production, what changed in the data, and the gate's report"),
    ]
    return fit_parts(parts, _MOST)


def render_outcome(result: RetrainResult, run: str) -> str:
    """Return the comment for a retrain without a pull request: kept, refused, or not trained."""
    parts = [
        Part(f"## [A retrain]({run}) ended: {result.end.value}"),
        Part(escape_markdown(result.sentence)),
        Part("No pull request was opened: production keeps its model. docs/on-call.md says what else can help."),
        Part(result.report, "Figures of production, what changed in the data, and the gate's report"),
    ]
    return fit_parts(parts, _MOST)


def render_failure(run: str) -> str:
    """Return the comment for a retrain that ended with an error."""
    return f"## [A retrain]({run}) failed\n\nIts log says why. Nothing was changed.\n"


def render_unopened(result: RetrainResult, run: str, compare: str) -> str:
    """Return the comment for a branch whose pull request the repository's settings forbid a workflow to open."""
    return join_parts(
        [
            Part(f"## [A retrain]({run}) ended: {result.end.value}"),
            Part(escape_markdown(result.sentence)),
            Part(f"[Open the pull request of {inline_code(str(result.branch))}]({compare}); CI starts by itself then."),
            Part(
                "The workflow may not open it: *Settings, Actions, General, Allow GitHub Actions to create and approve "
                "pull requests* is off. An app is the better way: docs/github-setup.md, Retraining."
            ),
        ]
    )
