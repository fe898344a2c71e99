"""Settings of GitHub that would turn a workflow red, or an issue away, with words that say little."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.github.repository.protection import Protection

_USES = re.compile(r"^\s*(?:- )?uses: ([\w.-]+/[^@\s]+)@", re.MULTILINE)
_LABELS = re.compile(r"^labels: \[(.*)\]$", re.MULTILINE)
_GITHUBS_OWN = ("actions/", "github/")


def obstacles(github: GitHub, root: Path) -> Iterator[Protection]:
    """Yield what stands in the way of the workflows: forbidden actions, another code scanning, a missing label."""
    yield _actions(github, root)
    if (scanning := _ask(github, "code-scanning/default-setup")) and scanning.get("state") == "configured":
        yield Protection(
            "code scanning by security.yml is accepted",
            False,
            "the default set-up of CodeQL is on, and GitHub takes no findings of another one",
            "Settings, Advanced Security, CodeQL analysis: switch to advanced; or delete the job code of security.yml",
        )
    for label in _labels(root):
        if github.find(f"labels/{label}") is None:
            yield Protection(
                f"reports of predictions get the label {label}",
                False,
                "there is no such label, and GitHub leaves it out",
                f"gh label create {label}",
            )


def _actions(github: GitHub, root: Path) -> Protection:
    what, place = "every action of the workflows may run", "Settings, Actions, General"
    rule = _ask(github, "actions/permissions")
    if rule is None:
        return Protection(what, None, "GitHub does not tell", place)
    if rule.get("enabled") is False:
        return Protection(what, False, "Actions are switched off", f"{place}: Allow all actions")
    if rule.get("allowed_actions", "all") == "all":
        return Protection(what, holds=True)
    allowed = _ask(github, "actions/permissions/selected-actions") or {}
    if forbidden := [each for each in _used(root) if not _may_run(each, allowed)]:
        listed = ", ".join(f"{each}@*" for each in forbidden)
        return Protection(
            what, False, f"forbidden: {', '.join(forbidden)}", f"{place}, Allow specified actions: {listed}"
        )
    return Protection(what, holds=True)


def _used(root: Path) -> list[str]:
    """Return every action of another repository that a workflow or an action of this one uses."""
    files = [*(root / ".github/workflows").glob("*.yml"), *(root / ".github/actions").rglob("action.yml")]
    return sorted({name for file in files for name in _USES.findall(file.read_text())})


def _may_run(action: str, allowed: dict[str, Any]) -> bool:
    own = bool(allowed.get("github_owned_allowed")) and action.startswith(_GITHUBS_OWN)
    return own or any(fnmatch(f"{action}@any", pattern) for pattern in allowed.get("patterns_allowed", []))


def _labels(root: Path) -> list[str]:
    texts = (path.read_text() for path in sorted((root / ".github/ISSUE_TEMPLATE").glob("*.yml")))
    found = (name.strip() for text in texts for listed in _LABELS.findall(text) for name in listed.split(","))
    return list(dict.fromkeys(found))


def _ask(github: GitHub, path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = github.find(path)
    except GitHubError:
        return None
    return found
