"""Rulesets: `.github/rulesets/*.json`, in the format of GitHub's export."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.client.api import GitHub
from slipway.github.repository.deploy_key import has_deploy_key
from slipway.github.repository.people import ALONE, asks_for_reviews, find_only_writer, reduce_reviews
from slipway.github.repository.settings import Setting, list_differences

FOLDER = ".github/rulesets"
_LACKING = (
    "This plan has no rulesets for private repositories: nothing at GitHub keeps a red pull request from being merged, "
    "or the branch deployments from being rewritten. Make the repository public or take a plan with rulesets "
    "(docs/github-setup.md has the table); until then merge only what `verdict` passes."
)
_KEYLESS = (
    "Only together with the deploy key: without it no delivery could write the ledger, so this ruleset was not made. "
    "Until then whoever may push a branch may write the ledger (docs/trust.md)."
)


def ruleset_settings(github: GitHub, root: Path) -> Iterator[Setting]:
    """Yield the setting of every ruleset file without a bypass; raises `GitHubError`."""
    only = None
    for wanted in _read_all(root):
        if _is_for_key(wanted):
            continue
        notes: tuple[str, ...] = ()
        if asks_for_reviews(wanted) and (only := only or find_only_writer(github)):
            wanted, notes = reduce_reviews(wanted), (ALONE.format(who=only, what=f"the ruleset {wanted['name']}"),)
        act = (partial(_compare, github, wanted), partial(_send, github, wanted))
        yield Setting("ruleset", wanted["name"], _summarize(wanted), _LACKING, *act, notes)


def writer_settings(github: GitHub, root: Path) -> Iterator[Setting]:
    """Yield the setting of every ruleset file that the deploy key passes; raises `GitHubError`.

    It is not made where the key is missing: no delivery could write the ledger then.
    """
    for wanted in filter(_is_for_key, _read_all(root)):

        def send(wanted: dict[str, Any] = wanted) -> list[str] | None:
            return _send(github, wanted) if has_deploy_key(github, root) else None

        compare = partial(_compare, github, wanted)
        yield Setting("ruleset", wanted["name"], _summarize(wanted), _KEYLESS, compare, send)


def _read_all(root: Path) -> list[dict[str, Any]]:
    return [_read(path) for path in sorted((root / FOLDER).glob("*.json"))]


def _summarize(wanted: dict[str, Any]) -> str:
    references = ", ".join(wanted["conditions"]["ref_name"]["include"])
    return f"{references}: {', '.join(rule['type'] for rule in wanted['rules'])}"


def _is_for_key(wanted: dict[str, Any]) -> bool:
    return any(each.get("actor_type") == "DeployKey" for each in wanted.get("bypass_actors", []))


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
