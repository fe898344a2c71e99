"""Environments: `.github/environments/NAME.json`, with reviewers by name instead of by id."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub, lacks_plan
from slipway.github.repository.people import ALONE, find_only_writer
from slipway.github.repository.settings import Setting, list_differences

FOLDER = ".github/environments"
# Ends the name of an environment that only asks for approval.
APPROVAL = "-approval"
# The environment that holds the key of the app that opens pull requests.
PROPOSAL = "retrain"
# The environment in which GitHub publishes the monitor's page.
PAGES = "github-pages"
_UNREVIEWED = (
    "{name} deploys without a review: name up to six reviewers (a login, or organisation/team) in "
    f"{FOLDER}/{{name}}.json, or approve by pull request with promote.yml (docs/github-setup.md)."
)
_NO_REVIEWERS = (
    "This plan has no required reviewers for private repositories, so {name} was made without them: approve by pull "
    "request with promote.yml (docs/github-setup.md)."
)
_LACKING = (
    "This plan has no environments for private repositories: deployments run, but no branch limit and no approval "
    "stand before {name}. Approve by pull request with promote.yml (docs/github-setup.md)."
)


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Reviewers (a login, or organisation/team), allowed branches, and minutes to wait."""

    branches: Annotated[list[str], Meta(min_length=1)]
    reviewers: Annotated[list[str], Meta(max_length=6)] = []
    prevent_self_review: bool = True
    wait_minutes: Annotated[int, Meta(ge=0, le=43_200)] = 0


def environment_settings(github: GitHub, root: Path) -> Iterator[Setting]:
    """Yield the setting of every environment file; raises `GitHubError`."""
    advice = f"Its keys are {', '.join(Environment.__struct_fields__)}."
    for path in sorted((root / FOLDER).glob("*.json")):
        name, wanted = path.stem, read_json(path, Environment, GitHubError, advice)
        notes = (_UNREVIEWED.format(name=name),) if wanted.prevent_self_review and not wanted.reviewers else ()
        # The only reviewer, who is the only one to write as well, starts every run.
        only = find_only_writer(github) if wanted.prevent_self_review and len(wanted.reviewers) == 1 else None
        if only and wanted.reviewers[0].removeprefix("@").lower() == only.lower():
            wanted = msgspec.structs.replace(wanted, prevent_self_review=False)
            notes = (ALONE.format(who=only, what=f"the approval of {name}"),)
        yield Setting(
            "environment",
            name,
            f"from {', '.join(wanted.branches)}; reviewers: {', '.join(wanted.reviewers) or 'none'}",
            _LACKING.format(name=name),
            partial(_compare, github, name, wanted),
            partial(_send, github, name, wanted),
            notes,
        )


def _compare(github: GitHub, name: str, wanted: Environment) -> list[str] | None:
    for each in wanted.reviewers:
        _resolve(github, each)
    found = github.find(f"environments/{name}")
    return None if found is None else list_differences(_view(wanted), _seen(github, name, found))


def _send(github: GitHub, name: str, wanted: Environment) -> list[str] | None:
    try:
        notes = _put(github, name, wanted)
        _limit(github, name, wanted)
    except GitHubError as error:
        # On the free plan, environments of private repositories do not exist for admins either.
        repository: dict[str, Any] = github.get("") if error.status == 404 else {}
        if repository.get("private") and repository.get("permissions", {}).get("admin"):
            return None
        raise
    return notes


def _put(github: GitHub, name: str, wanted: Environment) -> list[str]:
    """Create or change it; return a note if the file has reviewers or a wait that the GitHub plan lacks."""
    asks = bool(wanted.reviewers or wanted.wait_minutes)
    limit = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    people = {
        "wait_timer": wanted.wait_minutes,
        "reviewers": [_resolve(github, each) for each in wanted.reviewers] or None,
        "prevent_self_review": wanted.prevent_self_review and bool(wanted.reviewers),
    }
    try:
        github.send("PUT", f"environments/{name}", people | limit)
    except GitHubError as error:
        # A plan without these rejects even empty ones; the limit to branches is applied alone.
        if error.status != 422 or (asks and not lacks_plan(error)):
            raise
        github.send("PUT", f"environments/{name}", limit)
        return [_NO_REVIEWERS.format(name=name)] if asks else []
    return []


def _view(wanted: Environment) -> dict[str, Any]:
    """Return the file as it is compared: without reviewers self-review cannot be prevented."""
    return msgspec.structs.asdict(wanted) | {
        "reviewers": [each.removeprefix("@").lower() for each in wanted.reviewers],
        "prevent_self_review": wanted.prevent_self_review and bool(wanted.reviewers),
    }


def _seen(github: GitHub, name: str, found: dict[str, Any]) -> dict[str, Any]:
    rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
    asked = rules.get("required_reviewers", {})
    limit = found.get("deployment_branch_policy") or {}
    return {
        # Without a limit any branch may deploy.
        "branches": list(_branches(github, name)) if limit.get("custom_branch_policies") else [],
        "reviewers": [_name(each["type"], each["reviewer"]) for each in asked.get("reviewers", [])],
        "prevent_self_review": asked.get("prevent_self_review", False),
        "wait_minutes": rules.get("wait_timer", {}).get("wait_timer", 0),
    }


def _name(kind: str, reviewer: dict[str, Any]) -> str:
    """Return the name as in the file. A team has its organisation only in its address, .../orgs/NAME/teams/SLUG."""
    if kind == "User":
        return str(reviewer["login"]).lower()
    owner = str(reviewer.get("html_url", "")).rpartition("/orgs/")[2].partition("/")[0]
    return f"{owner}/{reviewer['slug']}".lower()


def _resolve(github: GitHub, name: str) -> dict[str, Any]:
    """Return GitHub's id of a person (a login) or a team (organisation/team)."""
    owner, _, team = name.removeprefix("@").rpartition("/")
    kind = "team" if owner else "user"
    found = github.find(f"/orgs/{owner}/teams/{team}" if owner else f"/users/{team}")
    if found is None:
        raise GitHubError(
            f"{FOLDER} names the reviewer {name!r}, but GitHub shows this token no such {kind}. Expected a login or "
            "organisation/team; to see teams a token needs the permission Members: read of the organisation.",
            404,
        )
    return {"type": kind.capitalize(), "id": found["id"]}


def _branches(github: GitHub, name: str) -> dict[str, int]:
    """Return the branches of the limit, with the id of each rule."""
    policies = github.pages(f"environments/{name}/deployment-branch-policies", key="branch_policies")
    return {each["name"]: each["id"] for each in policies}


def _limit(github: GitHub, name: str, wanted: Environment) -> None:
    """Set exactly the branches of the file; new ones first, so that some limit always holds."""
    there = _branches(github, name)
    at = f"environments/{name}/deployment-branch-policies"
    for branch in wanted.branches:
        if branch not in there:
            github.send("POST", at, {"name": branch, "type": "branch"})
    for branch, number in there.items():
        if branch not in wanted.branches:
            github.send("DELETE", f"{at}/{number}")
