"""Delete old images from GitHub's registry; images that the ledger names are kept.

An image can be several versions of the package: an index with the tag, and untagged manifests and attestations. In
GitHub's list only the time connects them: what was pushed within an hour of an image that is kept, is kept too.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.ledger import Entry, Ledger

NEWEST = 10
# The job that pushes an image and its attestations ends within half of it.
_TOGETHER = timedelta(hours=1)
# The tag prefix of the attestations of an image.
_ATTESTED = "sha256-"
# 400: GitHub keeps public versions with more than 5,000 downloads.
_BAD_REQUEST, _NOT_FOUND = 400, 404


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the package; `kept` is the reason to keep it, "" if it is deleted; `outcome` the result."""

    id: int
    digest: str
    created: datetime
    tags: tuple[str, ...] = ()
    kept: str = ""
    outcome: str = ""


def list_ledger_digests(ledger: Ledger) -> frozenset[str]:
    """Return the digest of every image that the ledger names; raises `LedgerError`, `GitHubError`."""
    names = ledger.environments()
    if ledger.offline:
        raise GitHubError(f"Nothing is deleted, because the ledger may be out of date: {ledger.offline}. Retry later.")
    return frozenset(digest for name in names for entry in ledger.history(name) for digest in _digests(entry))


def _digests(entry: Entry) -> Iterable[str]:
    releases = (each for each in (entry.release, entry.serving) if each)
    return (each.image.partition("@")[2] for each in releases if each.image)


def find_package(github: GitHub) -> str:
    """Return the path of the package OWNER/NAME, below /orgs or /users."""
    owner = github.get("")["owner"]
    kind = "orgs" if owner["type"] == "Organization" else "users"
    # Registries accept no capital letters.
    name = quote(github.repository.partition("/")[2].lower(), safe="")
    return f"/{kind}/{owner['login']}/packages/container/{name}"


def read_versions(github: GitHub, package: str) -> list[Version]:
    """Return every version of the package, newest first; empty without the package. Raises `GitHubError`."""
    try:
        found = [_version(each) for each in github.pages(f"{package}/versions")]
    except GitHubError as error:
        if error.status != _NOT_FOUND:
            raise
        return []
    return sorted(found, key=lambda each: (each.created, each.id), reverse=True)


def _version(found: dict[str, Any]) -> Version:
    tags = found.get("metadata", {}).get("container", {}).get("tags", [])
    created = datetime.fromisoformat(found["created_at"])
    return Version(id=found["id"], digest=found["name"], created=created, tags=tuple(tags))


def choose_versions(
    versions: list[Version], named: frozenset[str], days: int, now: datetime | None = None
) -> list[Version]:
    """Return the versions, newest first, each with the reason to keep it, or none."""
    since = (now or datetime.now(UTC)) - timedelta(days=days)
    newest = {each.id for each in versions[:NEWEST]}
    newest |= {each.id for each in [each for each in versions if _image(each)][:NEWEST]}
    first = [msgspec.structs.replace(each, kept=_own_reason(each, named, newest, since)) for each in versions]
    staying = [each.created for each in first if each.kept]
    going = [each.created for each in first if not each.kept and _image(each)]
    return [msgspec.structs.replace(each, kept=each.kept or _by_time(each, staying, going)) for each in first]


def _image(version: Version) -> bool:
    return any(not tag.startswith(_ATTESTED) for tag in version.tags)


def _own_reason(version: Version, named: frozenset[str], newest: set[int], since: datetime) -> str:
    about = {tag.replace("-", ":", 1).partition(".")[0] for tag in version.tags if tag.startswith(_ATTESTED)}
    if ({version.digest} | about) & named:
        return "the ledger names it"
    if version.id in newest:
        return f"one of the newest {NEWEST}"
    return "young" if version.created > since else ""


def _by_time(version: Version, staying: list[datetime], going: list[datetime]) -> str:
    if any(abs(version.created - each) <= _TOGETHER for each in staying):
        return "pushed beside one that stays"
    if _image(version) or any(abs(version.created - each) <= _TOGETHER for each in going):
        return ""
    return "the image to which it belongs is unknown"


def delete_version(github: GitHub, package: str, version: Version) -> Version:
    """Delete one version; return it with the result. Raises `GitHubError`."""
    if version.kept:
        raise GitHubError(f"{version.digest} is not deleted: {version.kept}.")
    try:
        github.send("DELETE", f"{package}/versions/{version.id}")
    except GitHubError as error:
        if error.status not in (_BAD_REQUEST, _NOT_FOUND):
            raise
        return msgspec.structs.replace(version, outcome=error.said or "gone already")
    return msgspec.structs.replace(version, outcome="deleted")


def summarize_versions(package: str, versions: list[Version], done: bool) -> list[str]:
    """Return the last lines: what is kept and why, and what was deleted, or would be."""
    if not versions:
        return [f"No package {package}, or the token may not read it: nothing to delete."]
    kept = Counter(each.kept for each in versions if each.kept)
    lines = [f"{count} kept: {reason}" for reason, count in sorted(kept.items())]
    going = [each for each in versions if not each.kept]
    if not going:
        return [*lines, "Nothing to delete."]
    if done:
        deleted = sum(each.outcome == "deleted" for each in going)
        return [*lines, f"{deleted} of {len(versions)} deleted."]
    return [*lines, f"Dry run: {len(going)} of {len(versions)} would be deleted. Delete them: add --yes"]
