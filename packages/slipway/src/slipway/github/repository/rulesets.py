"""Plan and apply rulesets: `.github/rulesets/*.json`, in the format of GitHub's export."""

from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub
from slipway.github.repository.steps import DONE, Action, Step, lacks_plan, list_differences

FOLDER = ".github/rulesets"
_KIND = "ruleset"
_NO_PLAN = (
    "This plan has no rulesets for private repositories: nothing at GitHub keeps a red pull request from being merged, "
    "or the branch deployments from being rewritten. Make the repository public or take a plan with rulesets "
    "(docs/github-setup.md has the table); until then merge only what `verdict` passes."
)


def read_rulesets(root: Path) -> list[dict[str, Any]]:
    """Return every ruleset file of the repository; raises `GitHubError`."""
    return [_read(path) for path in sorted((root / FOLDER).glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path, dict[str, Any], GitHubError, "Expected a ruleset as GitHub exports it.")
    missing = {"name", "target", "enforcement", "conditions", "rules"} - found.keys()
    if missing:
        raise GitHubError(f"{path}: expected a ruleset as GitHub exports it; {', '.join(sorted(missing))} missing.")
    return found


def plan_rulesets(github: GitHub, root: Path) -> list[Step]:
    """Return the steps in the order of the files; raises `GitHubError`."""
    wanted = read_rulesets(root)
    try:
        known = _known(github)
        return [_compare(github, ruleset, known) for ruleset in wanted]
    except GitHubError as error:
        if not lacks_plan(error):
            raise
        return [Step(kind=_KIND, name=each["name"], action=Action.REFUSED, notes=[_NO_PLAN]) for each in wanted]


def apply_ruleset(github: GitHub, root: Path, step: Step) -> Step:
    """Apply one step of the plan; raises `GitHubError`."""
    (body,) = (each for each in read_rulesets(root) if each["name"] == step.name)
    try:
        if step.action is Action.CREATE:
            github.send("POST", "rulesets", body)
        elif step.action is Action.CHANGE:
            github.send("PUT", f"rulesets/{_known(github)[step.name]}", body)
    except GitHubError as error:
        if not lacks_plan(error):
            raise
        return msgspec.structs.replace(step, action=Action.REFUSED, notes=[*step.notes, _NO_PLAN])
    return msgspec.structs.replace(step, action=DONE.get(step.action, step.action))


def _known(github: GitHub) -> dict[str, int]:
    """Return the repository's own rulesets by name, without those of the organisation."""
    return {each["name"]: each["id"] for each in github.pages("rulesets", includes_parents="false")}


def _compare(github: GitHub, wanted: dict[str, Any], known: dict[str, int]) -> Step:
    if wanted["name"] not in known:
        return Step(kind=_KIND, name=wanted["name"], action=Action.CREATE, details=_summary(wanted))
    lines = list_differences(wanted, github.get(f"rulesets/{known[wanted['name']]}"))
    return Step(kind=_KIND, name=wanted["name"], action=Action.CHANGE if lines else Action.LEAVE, details=lines)


def _summary(ruleset: dict[str, Any]) -> list[str]:
    names = ruleset["conditions"]["ref_name"]["include"]
    return [f"{', '.join(names)}: {', '.join(rule['type'] for rule in ruleset['rules'])}"]
