"""The rules by which one entry follows another; entries are made, and verified, by the same rules."""

from datetime import UTC, datetime
from typing import Any

from slipway.errors import LedgerError
from slipway.ledger.entry import FORMAT, RELEASE_EVENTS, Entry, Event, Release


def genesis_entry(environment: str, by: str, reason: str) -> Entry:
    """Return the first entry of an environment: nothing serves."""
    return Entry(environment=environment, number=0, event=Event.GENESIS, at=_now(), by=by, reason=reason)


def next_entry(
    previous: Entry,
    event: Event,
    *,
    by: str,
    reason: str = "",
    release: Release | None = None,
    unblock: str | None = None,
    distrust: str | None = None,
    gate: dict[str, Any] | None = None,
    target: str | None = None,
    blocks: bool = True,
) -> Entry:
    """Return the entry after `previous`.

    After deploy, promote and rollback `release` serves, since now unless the same bundle and image served already; a
    rollback blocks the bundle that served until then, `failed` blocks the one that failed (unless it serves), and
    unblock removes the block of `unblock`, distrust adds `distrust`. Without `blocks` nothing is blocked: a failed
    rollback may be retried.
    """
    number, now = previous.number + 1, _now()
    serving, since = previous.serving, previous.since
    if event in RELEASE_EVENTS:
        serving, since = release, since if _same(serving, release) else now
    blocked = {digest: blocker for digest, blocker in previous.blocked.items() if digest != unblock}
    if blocks and (bad := _newly_blocked(previous, event, release)) is not None:
        blocked.setdefault(bad, number)
    return Entry(
        environment=previous.environment,
        number=number,
        event=event,
        at=now,
        by=by,
        reason=reason,
        release=release,
        serving=serving,
        since=since,
        blocked=blocked,
        distrusted=previous.distrusted | ({distrust: number} if distrust else {}),
        gate=gate,
        target=target,
    )


def unblock_entry(previous: Entry, digest: str, *, by: str, reason: str) -> Entry:
    """Return the entry that removes the block of the one bundle whose digest begins with `digest`."""
    matching = [blocked for blocked in previous.blocked if blocked.startswith(digest)]
    if len(matching) != 1:
        listed = ", ".join(f"{blocked[:12]} (entry {number})" for blocked, number in previous.blocked.items())
        raise LedgerError(
            f"Nothing was written: {digest!r} matches {len(matching)} of the blocked bundles of "
            f"{previous.environment}: {listed or '(none)'}."
        )
    return next_entry(previous, Event.UNBLOCK, by=by, reason=reason, unblock=matching[0])


def _newly_blocked(previous: Entry, event: Event, release: Release | None) -> str | None:
    serving = previous.serving.bundle if previous.serving else None
    given = release.bundle if release else None
    if given == serving:
        return None
    return {Event.ROLLBACK: serving, Event.FAILED: given}.get(event)


def verify_transition(previous: Entry | None, entry: Entry) -> None:
    """Raise `LedgerError` unless `entry` may follow `previous` (None: it is the first one of its environment)."""
    wrong = _not_genesis(entry) if previous is None else _not_next(previous, entry)
    if wrong:
        raise LedgerError(f"{entry.environment}.json, entry {entry.number} ({entry.event}): {wrong}")


def _not_genesis(entry: Entry) -> str | None:
    nothing = entry.release is None and entry.serving is None and entry.since is None
    empty = nothing and not entry.blocked and not entry.distrusted
    if entry.number == 0 and entry.event is Event.GENESIS and entry.format == FORMAT and empty:
        return None
    return f"expected the genesis entry with number 0 and nothing serving, found {entry}."


def _not_next(previous: Entry, entry: Entry) -> str | None:
    """Return the first rule that the entry breaks, as a sentence."""
    arrives = entry.event in RELEASE_EVENTS
    quiet = entry.serving == previous.serving and entry.since == previous.since
    added = {digest: number for digest, number in entry.blocked.items() if previous.blocked.get(digest) != number}
    distrusted = {digest: entry.number for digest in entry.distrusted if digest not in previous.distrusted}
    removed = set(previous.blocked) - set(entry.blocked)
    rules = (
        (entry.format == FORMAT, f"expected format {FORMAT}, found {entry.format}."),
        (entry.environment == previous.environment, f"expected environment {previous.environment}."),
        (entry.at.tzinfo is not None, "expected the time with its offset from UTC."),
        (entry.number == previous.number + 1, f"expected number {previous.number + 1}: numbers have no gaps."),
        (entry.event is not Event.GENESIS, "expected an event; a genesis entry is the first one only."),
        (
            (entry.release is None) == (entry.event in (Event.UNBLOCK, Event.DISTRUST)),
            "expected a release for every event but genesis, unblock and distrust.",
        ),
        (not arrives or entry.serving == entry.release, "expected the release to serve after this event."),
        (not arrives or entry.since is not None, "expected the time since which it serves."),
        (arrives or quiet, "expected this event to leave `serving` and `since` as they were."),
        (
            all(number == entry.number for number in added.values()),
            f"expected new blocks to have the number of this entry, found {added}.",
        ),
        (
            entry.event not in (Event.DISTRUST, Event.REBASE) or entry.blocked == previous.blocked,
            "expected this event to leave `blocked` as it was.",
        ),
        (
            entry.distrusted == previous.distrusted | distrusted and len(distrusted) == (entry.event is Event.DISTRUST),
            f"expected a distrust event, and no other one, to add one bundle, with its number; found {distrusted}.",
        ),
        (
            not removed or entry.event is Event.UNBLOCK,
            f"expected these digests to stay blocked: {sorted(removed)}; only an unblock event removes a block.",
        ),
    )
    return next((sentence for holds, sentence in rules if not holds), None)


def _same(one: Release | None, other: Release | None) -> bool:
    return one is not None and other is not None and one.artifact == other.artifact


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
