"""Old images in the project's own registry: what the ledger names stays, whatever its age.

An image can be several versions of the package: an index that has the tag, and manifests without one that are pushed
beside it, as are its attestations. Nothing in GitHub's list says what belongs to what but the time: what was pushed
within an hour of an image that stays, stays with it.
"""

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
# The tag under which a registry keeps what was attested of an image.
_ATTESTED = "sha256-"
# More than 5,000 downloads of a public version are GitHub's reason to keep it.
_BAD_REQUEST, _NOT_FOUND = 400, 404


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the package; `kept` says why it stays, "" if it goes; `outcome` what became of it."""

    id: int
    digest: str
    created: datetime
    tags: tuple[str, ...] = ()
    kept: str = ""
    outcome: str = ""


def list_ledger_digests(ledger: Ledger) -> frozenset[str]:
    """The digest of every image that any entry of any environment names; raises `LedgerError`, `GitHubError`."""
    names = ledger.environments()
    if ledger.offline:
        raise GitHubError(f"Nothing is deleted by a ledger that may be old: {ledger.offline}. Try again later.")
    return frozenset(digest for name in names for entry in ledger.history(name) for digest in _digests(entry))


def _digests(entry: Entry) -> Iterable[str]:
    releases = (each for each in (entry.release, entry.serving) if each)
    return (each.image.partition("@")[2] for each in releases if each.image)


def find_package(github: GitHub) -> str:
    """The package OWNER/NAME of the repository, below /orgs or /users."""
    owner = github.get("")["owner"]
    kind = "orgs" if owner["type"] == "Organization" else "users"
    # Registries take no capital letters.
    name = quote(github.repository.partition("/")[2].lower(), safe="")
    return f"/{kind}/{owner['login']}/packages/container/{name}"


def read_versions(github: GitHub, package: str) -> list[Version]:
    """Every version of the package, newest first; none if there is no such package. Raises `GitHubError`."""
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
    """The versions, newest first, each with the reason why it stays, or none."""
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
    return "nobody knows to which image it belongs"


def delete_version(github: GitHub, package: str, version: Version) -> Version:
    """Delete one version; it comes back with what became of it. Raises `GitHubError`."""
    if version.kept:
        raise GitHubError(f"{version.digest} is not deleted: {version.kept}.")
    try:
        github.send("DELETE", f"{package}/versions/{version.id}")
    except GitHubError as error:
        if error.status not in (_BAD_REQUEST, _NOT_FOUND):
            raise
        return msgspec.structs.replace(version, outcome=error.said or "gone already")
    return msgspec.structs.replace(version, outcome="deleted")
