"""Create a GitHub release of what an environment serves: a tag at its commit, and its origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.status import find_arrival, trace_release
from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.ledger import Entry, Ledger
from slipway.ledger.entry import REHEARSAL
from slipway.markdown import escape_markdown, markdown_table

_FORBIDDEN, _EXISTS = 403, 422


class Released(msgspec.Struct, frozen=True):
    """The release of a tag; `created` is False where it existed already."""

    tag: str
    title: str
    commit: str
    url: str
    created: bool


def create_release(github: GitHub, root: Path, environment: str) -> Released:
    """Create the release of what `environment` serves unless it exists; raises `GitHubError`, `LedgerError`."""
    ledger = Ledger(root)
    entry = find_arrival(ledger, environment)
    if entry is None or entry.release is None:
        raise GitHubError(f"There is nothing to release: by the ledger {environment} serves nothing.")
    commit = entry.release.commit
    if commit is None:
        raise GitHubError(
            f"Entry {entry.number} of {environment} names no source commit, so no tag can be put anywhere. Deliver a "
            "release of committed code."
        )
    tag = f"{environment}-{entry.number}"
    if found := github.find(f"releases/tags/{tag}"):
        return _released(found, commit, created=False)
    body = {"tag_name": tag, "name": _title(entry), "body": render_delivery(trace_release(root, environment))}
    try:
        return _released(_create(github, body, commit), commit, created=True)
    except GitHubError as error:
        # Another run may have created it meanwhile.
        if error.status == _EXISTS and (found := github.find(f"releases/tags/{tag}")):
            return _released(found, commit, created=False)
        raise


def render_delivery(facts: Mapping[str, Any]) -> str:
    """Render the facts of `slipway.delivery.status.trace_release` under a heading that names a rehearsal."""
    rehearsal = " (a rehearsal: nothing stays running)" if facts["target"] == REHEARSAL else ""
    rows = [
        [name.replace("_", " "), "-" if value is None else escape_markdown(str(value))] for name, value in facts.items()
    ]
    return f"## {facts['environment']}{rehearsal}\n\n{markdown_table(['what', 'which'], rows)}\n"


def _title(entry: Entry) -> str:
    what = entry.release and (entry.release.model or entry.release.bundle[:12])
    return f"{entry.environment} {entry.number}: {what}{' (rehearsal)' if entry.target == REHEARSAL else ''}"


def _create(github: GitHub, body: dict[str, Any], commit: str) -> dict[str, Any]:
    newest = github.find("commits/HEAD")
    if newest and newest["sha"] == commit:
        # GitHub tags main's newest commit by itself; to name one that touches workflows takes a right that no job has.
        found: dict[str, Any] = github.send("POST", "releases", body)
        return found
    try:
        found = github.send("POST", "releases", body | {"target_commitish": commit})
    except GitHubError as error:
        # A workflow's token may not tag a commit whose workflows differ from those of main.
        if error.status != _FORBIDDEN:
            raise
        note = f"The tag is at main's newest commit, as GitHub allows no other; the release is of {commit}.\n\n"
        found = github.send("POST", "releases", body | {"body": note + body["body"]})
    return found


def _released(found: dict[str, Any], commit: str, created: bool) -> Released:
    return Released(found["tag_name"], found.get("name") or "", commit, found.get("html_url") or "", created)
