"""Plan and apply environments: `.github/environments/NAME.json`, with reviewers by name instead of by id."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub
from slipway.github.repository.steps import DONE, Action, Step, lacks_plan, list_differences

FOLDER = ".github/environments"
_KIND = "environment"
_NOBODY = (
    "{name} asks nobody before it deploys: name up to six reviewers (a login, or organisation/team) in "
    f"{FOLDER}/{{name}}.json, or approve by pull request with promote.yml (docs/github-setup.md)."
)
_NO_REVIEWERS = (
    "This plan has no required reviewers for private repositories, so {name} was made without them: approve by pull "
    "request with promote.yml (docs/github-setup.md)."
)
_NO_PLAN = (
    "This plan has no environments for private repositories: deployments run, but no branch limit and no approval "
    "stand before {name}. Approve by pull request with promote.yml (docs/github-setup.md)."
)


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Reviewers (a login, or organisation/team), allowed branches, and minutes to wait."""

    branches: Annotated[list[str], Meta(min_length=1)]
    reviewers: Annotated[list[str], Meta(max_length=6)] = []
    prevent_self_review: bool = True
    wait_minutes: Annotated[int, Meta(ge=0, le=43_200)] = 0


def read_environments(root: Path) -> dict[str, Environment]:
    """Return every environment file by the name of the environment; raises `GitHubError`."""
    advice = f"Its keys are {', '.join(Environment.__struct_fields__)}."
    paths = sorted((root / FOLDER).glob("*.json"))
    return {path.stem: read_json(path, Environment, GitHubError, advice) for path in paths}


def plan_environments(github: GitHub, root: Path) -> list[Step]:
    """Return the steps in the order of the files; raises `GitHubError`, also for an unknown reviewer."""
    for wanted in read_environments(root).values():
        for name in wanted.reviewers:
            _resolve(github, name)
    return [_compare(github, name, wanted) for name, wanted in read_environments(root).items()]


def apply_environment(github: GitHub, root: Path, step: Step) -> Step:
    """Apply one step of the plan; raises `GitHubError`."""
    if step.action not in DONE:
        return step
    wanted = read_environments(root)[step.name]
    try:
        whole = _put(github, step.name, wanted)
        _limit(github, step.name, wanted)
    except GitHubError as error:
        if not _absent(github, error):
            raise
        return msgspec.structs.replace(step, action=Action.REFUSED, notes=[_NO_PLAN.format(name=step.name)])
    notes = step.notes if whole else [*step.notes, _NO_REVIEWERS.format(name=step.name)]
    return msgspec.structs.replace(step, action=DONE[step.action], notes=notes)


def _put(github: GitHub, name: str, wanted: Environment) -> bool:
    """Create or change it; return False if the file has reviewers or a wait that the GitHub plan lacks."""
    asks = bool(wanted.reviewers or wanted.wait_minutes)
    limit = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    people = {
        "wait_timer": wanted.wait_minutes,
        "reviewers": [_resolve(github, each) for each in wanted.reviewers] or None,
        "prevent_self_review": wanted.prevent_self_review and bool(wanted.reviewers),
    }
    try:
        github.send("PUT", _path(name), people | limit)
    except GitHubError as error:
        # A plan without these rejects even empty ones; the limit to branches is applied alone.
        if error.status != 422 or (asks and not lacks_plan(error)):
            raise
        github.send("PUT", _path(name), limit)
        return not asks
    return True


def _absent(github: GitHub, error: GitHubError) -> bool:
    """Return whether the plan has no environments: on the free plan, private repositories answer 404 to admins too."""
    if error.status != 404:
        return lacks_plan(error)
    repository = github.get("")
    return bool(repository["private"] and repository.get("permissions", {}).get("admin"))


def _path(name: str) -> str:
    return f"environments/{name}"


def _compare(github: GitHub, name: str, wanted: Environment) -> Step:
    notes = [_NOBODY.format(name=name)] if wanted.prevent_self_review and not wanted.reviewers else []
    try:
        found = github.get(_path(name))
        branches = _branches(github, name, found)
    except GitHubError as error:
        if lacks_plan(error):
            return Step(kind=_KIND, name=name, action=Action.REFUSED, notes=[_NO_PLAN.format(name=name)])
        if error.status != 404:
            raise
        asked = ", ".join(wanted.reviewers) or "nobody"
        details = [f"from {', '.join(wanted.branches)}; asks {asked}"]
        return Step(kind=_KIND, name=name, action=Action.CREATE, details=details, notes=notes)
    lines = list_differences(_view(wanted), _seen(found, list(branches)))
    return Step(kind=_KIND, name=name, action=Action.CHANGE if lines else Action.LEAVE, details=lines, notes=notes)


def _view(wanted: Environment) -> dict[str, Any]:
    """Return the file as it is compared: without reviewers self-review cannot be prevented."""
    return {
        "branches": wanted.branches,
        "reviewers": [each.removeprefix("@").lower() for each in wanted.reviewers],
        "prevent_self_review": wanted.prevent_self_review and bool(wanted.reviewers),
        "wait_minutes": wanted.wait_minutes,
    }


def _seen(found: dict[str, Any], branches: list[str]) -> dict[str, Any]:
    rules = {rule["type"]: rule for rule in found.get("protection_rules", [])}
    asked = rules.get("required_reviewers", {})
    return {
        "branches": branches,
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
    try:
        found = github.get(f"/orgs/{owner}/teams/{team}" if owner else f"/users/{team}")
    except GitHubError as error:
        if error.status != 404:
            raise
        kind = "team" if owner else "user"
        raise GitHubError(
            f"{FOLDER} names the reviewer {name!r}, but GitHub shows this token no such {kind}. Expected a login or "
            "organisation/team; to see teams a token needs the permission Members: read of the organisation.",
            404,
        ) from error
    return {"type": "Team" if owner else "User", "id": found["id"]}


def _branches(github: GitHub, name: str, found: dict[str, Any]) -> dict[str, int]:
    """Return the branches that may deploy, with the id of each rule; none means any branch."""
    limit = found.get("deployment_branch_policy") or {}
    if not limit.get("custom_branch_policies"):
        return {}
    policies = github.pages(f"{_path(name)}/deployment-branch-policies", key="branch_policies")
    return {each["name"]: each["id"] for each in policies}


def _limit(github: GitHub, name: str, wanted: Environment) -> None:
    """Set exactly the branches of the file; new ones first, so that some limit always holds."""
    custom = {"deployment_branch_policy": {"custom_branch_policies": True}}
    there = _branches(github, name, custom)
    at = f"{_path(name)}/deployment-branch-policies"
    for branch in wanted.branches:
        if branch not in there:
            github.send("POST", at, {"name": branch, "type": "branch"})
    for branch, number in there.items():
        if branch not in wanted.branches:
            github.send("DELETE", f"{at}/{number}")
