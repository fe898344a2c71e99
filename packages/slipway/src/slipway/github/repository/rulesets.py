"""Rulesets: `.github/rulesets/*.json`, in the format of GitHub's export."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub
from slipway.github.repository.settings import Setting, list_differences

FOLDER = ".github/rulesets"
_LACKING = (
    "This plan has no rulesets for private repositories: nothing at GitHub keeps a red pull request from being merged, "
    "or the branch deployments from being rewritten. Make the repository public or take a plan with rulesets "
    "(docs/github-setup.md has the table); until then merge only what `verdict` passes."
)


def ruleset_settings(github: GitHub, root: Path) -> Iterator[Setting]:
    """Yield the setting of every ruleset file; raises `GitHubError`."""
    for path in sorted((root / FOLDER).glob("*.json")):
        wanted = _read(path)
        branches = ", ".join(wanted["conditions"]["ref_name"]["include"])
        summary = f"{branches}: {', '.join(rule['type'] for rule in wanted['rules'])}"
        act = (partial(_compare, github, wanted), partial(_send, github, wanted))
        yield Setting("ruleset", wanted["name"], summary, _LACKING, *act)


def _read(path: Path) -> dict[str, Any]:
    found = read_json(path, dict[str, Any], GitHubError, "Expected a ruleset as GitHub exports it.")
    missing = {"name", "target", "enforcement", "conditions", "rules"} - found.keys()
    if missing:
        raise GitHubError(f"{path}: expected a ruleset as GitHub exports it; {', '.join(sorted(missing))} missing.")
    return found


def _compare(github: GitHub, wanted: dict[str, Any]) -> list[str] | None:
    path = _path(github, wanted)
    return list_differences(wanted, github.get(path)) if path else None


def _send(github: GitHub, wanted: dict[str, Any]) -> list[str]:
    path = _path(github, wanted)
    github.send("PUT" if path else "POST", path or "rulesets", wanted)
    return []


def _path(github: GitHub, wanted: dict[str, Any]) -> str | None:
    """Return the path of the repository's own ruleset of that name: one of the organisation is another."""
    known = github.pages("rulesets", includes_parents="false")
    return next((f"rulesets/{each['id']}" for each in known if each["name"] == wanted["name"]), None)
