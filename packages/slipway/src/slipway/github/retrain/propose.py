"""End a retrain at GitHub: a pull request if the gate promotes it, else a comment on the alarm's issue."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.alarms.issues import Issue, find_issue, list_issues
from slipway.github.client.api import GitHub
from slipway.github.client.comment import upsert_comment
from slipway.github.retrain.commit import fetch_commit, push_branch
from slipway.github.retrain.render import render_failure, render_outcome, render_pull_request, render_unopened
from slipway.monitoring.retrain.result import RetrainResult

RESULT = "result.json"
_ADVICE = "Start retrain.yml again."
# GitHub's refusal where a setting keeps workflows from opening pull requests.
_NOT_PERMITTED = "not permitted to create or approve pull requests"
_EXISTS = "already exists"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a retrain; `url` is the pull request's or the comment's, None where there is neither."""

    did: Literal["opened", "updated", "pushed", "commented", "nothing"]
    why: str
    url: str | None = None


class RetrainRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of retrain.yml: the commit of main that it retrained, its page, and the alarm that asked for it."""

    base: str
    url: str
    alarm: str | None = None


def propose_retrain(github: GitHub, pulls: GitHub, root: Path, folder: Path, run: RetrainRun) -> Proposal:
    """Open or update the pull request of the retrain in `folder`, or write the comment that says how it ended.

    `pulls` opens the pull request: with the token of an app, CI runs on it; `github` writes comments. Raises
    `GitHubError`. Run again, it updates what is there.
    """
    issue = find_issue(list_issues(github), run.alarm) if run.alarm else None
    path = folder / RESULT
    if not path.exists():
        return _comment(github, issue, run, render_failure(run.url), "The retrain failed before it had a result.")
    result = read_json(path, RetrainResult, GitHubError, _ADVICE)
    if result.branch is None:
        return _comment(github, issue, run, render_outcome(result, run.url), result.sentence)
    push_branch(root, fetch_commit(root, folder, run.base), result.branch)
    base = str(github.get("")["default_branch"])
    body = render_pull_request(result, run.url, issue, by_app=pulls is not github)
    try:
        did, url = _upsert(pulls, result, base, body)
    except GitHubError as error:
        if _NOT_PERMITTED not in error.said:
            raise
        compare = f"{_page(run)}/compare/{base}...{result.branch}?expand=1"
        text = render_unopened(result, run.url, compare)
        told = _comment(github, issue, run, text, f"Pushed {result.branch}; open its pull request: {compare}")
        return msgspec.structs.replace(told, did="pushed", url=compare)
    return Proposal(did=did, why=result.sentence, url=url)


def _upsert(github: GitHub, result: RetrainResult, base: str, body: str) -> tuple[Literal["opened", "updated"], str]:
    owner, title = github.repository.partition("/")[0], f"Retrain {result.environment} with the data of {result.until}"
    wanted: dict[str, Any] = {"title": title, "head": result.branch, "base": base, "body": body}
    try:
        return "opened", github.send("POST", "pulls", wanted)["html_url"]
    except GitHubError as error:
        if _EXISTS not in error.said:
            raise
    for found in github.pages("pulls", state="open", head=f"{owner}:{result.branch}"):
        return "updated", github.send("PATCH", f"pulls/{found['number']}", {"body": body})["html_url"]
    raise GitHubError(
        f"GitHub says that {result.branch} has a pull request already, and lists no open one. Look at the closed ones, "
        "and delete the branch."
    )


def _comment(github: GitHub, issue: Issue | None, run: RetrainRun, text: str, why: str) -> Proposal:
    if issue is None:
        return Proposal(did="nothing", why=why)
    marker = f"<!-- slipway:retrain {run.url.rpartition('/')[2]} -->"
    _, url = upsert_comment(github, issue.number, marker, text)
    return Proposal(did="commented", why=why, url=url)


def _page(run: RetrainRun) -> str:
    """Return the address of the repository's page."""
    return run.url.partition("/actions/")[0]
