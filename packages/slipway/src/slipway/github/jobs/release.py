"""Create a GitHub release of what an environment serves: a tag at its commit, and its origin."""

from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.status import find_arrival, trace_release
from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.github.jobs.delivery_summary import render_delivery
from slipway.ledger import Entry, Ledger
from slipway.ledger.entry import REHEARSAL

_FORBIDDEN, _NOT_FOUND, _EXISTS = 403, 404, 422


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
    if found := _find(github, tag):
        return _released(found, commit, created=False)
    body = {"tag_name": tag, "name": _title(entry), "body": render_delivery(trace_release(root, environment))}
    try:
        return _released(_create(github, body, commit), commit, created=True)
    except GitHubError as error:
        # Another run may have created it meanwhile.
        if error.status == _EXISTS and (found := _find(github, tag)):
            return _released(found, commit, created=False)
        raise


def _title(entry: Entry) -> str:
    what = entry.release and (entry.release.model or entry.release.bundle[:12])
    return f"{entry.environment} {entry.number}: {what}{' (rehearsal)' if entry.target == REHEARSAL else ''}"


def _find(github: GitHub, tag: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = github.get(f"releases/tags/{tag}")
    except GitHubError as error:
        if error.status != _NOT_FOUND:
            raise
        return None
    return found


def _create(github: GitHub, body: dict[str, Any], commit: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = github.send("POST", "releases", body | {"target_commitish": commit})
    except GitHubError as error:
        # A workflow's token may not tag a commit whose workflows differ from those of main.
        if error.status != _FORBIDDEN:
            raise
        note = f"The tag is at main's newest commit, as GitHub allows no other; the release is of {commit}.\n\n"
        found = github.send("POST", "releases", body | {"body": note + body["body"]})
    return found


def _released(found: dict[str, Any], commit: str, created: bool) -> Released:
    return Released(found["tag_name"], found.get("name") or "", commit, found.get("html_url") or "", created)
