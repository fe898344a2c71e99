"""Make the commit of an event, and publish it: until a reference points to it, nothing has happened."""

import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from slipway.errors import LedgerError
from slipway.ledger.bundles import keep_bundle
from slipway.ledger.entry import Entry
from slipway.ledger.objects import LOOK_FIRST, Item, Move, Objects
from slipway.ledger.records import hash_record, read_record_beside, replace_record
from slipway.ledger.remote import (
    BRANCH,
    PAUSES,
    Pushed,
    UnreachableError,
    ask_remote,
    fetch_branch,
    push_moves,
    tracking_branch,
)
from slipway.ledger.signatures import signing_options
from slipway.ledger.tip import SEEN


def commit_genesis(git: Objects, tip: str | None, entries: list[Entry], signed: bool) -> str:
    """Return the commit after `tip` (None: the first one) that writes genesis entries."""
    items = [_entry_item(git, entry) for entry in entries]
    names = ", ".join(entry.environment for entry in entries)
    subject = f"Ledger begins: {names}" if tip is None else f"Ledger grows: {names}"
    return _commit(git, tip, items, subject, entries[0], signed)


def commit_entry(
    git: Objects, tip: str, entry: Entry, bundle: Path | None, signed: bool, record: bytes | None = None
) -> tuple[str, Entry]:
    """Return the commit after `tip` that writes `entry`, with the bundle of its release unless that is kept already.

    `record` is written as the evaluation record of that bundle, as is the one beside a bundle that comes; the entry is
    returned with its hash.
    """
    items = []
    if entry.release is None:
        if bundle is not None:
            raise LedgerError(f"Nothing was written: a bundle was given, but the event {entry.event} has no release.")
    elif not git.tree(tip, "bundles", entry.release.bundle):
        items.append(_bundles_item(git, tip, entry.release.bundle, bundle))
        record = read_record_beside(bundle, entry.release.bundle) if bundle else None
    if record is not None and entry.release:
        items.append(replace_record(git, tip, entry.release.bundle, record))
        entry = msgspec.structs.replace(entry, record=hash_record(record))
    subject = f"{entry.environment} {entry.number}: {entry.event}"
    if entry.release:
        subject += f" {entry.release.bundle[:12]}"
    return _commit(git, tip, [_entry_item(git, entry), *items], subject, entry, signed), entry


def publish_commit(git: Objects, remote: str | None, new: str, old: str | None, witnesses: Sequence[Move]) -> bool:
    """Point the branch to `new` if it still points to `old`; return False if another command moved it meanwhile.

    The tags of the `witnesses` are made with it, all or none.
    """
    moves = [Move(BRANCH, new, old), *witnesses]
    if remote is None:
        if not git.move(*moves):
            return False
    else:
        pushed = push_moves(git, remote, moves)
        if not pushed.arrived and not _arrived(git, remote, new, old, pushed):
            return False
    # The entry is written: if this clone cannot note that, the next reading finds and reports it.
    with suppress(LedgerError):
        if remote is not None:
            git.move(Move(tracking_branch(remote), new, old))
        git.move(Move(SEEN, new, old))
    return True


def _bundles_item(git: Objects, tip: str, digest: str, bundle: Path | None) -> Item:
    if bundle is None:
        raise LedgerError(
            f"Nothing was written: the entry names the bundle {digest}, which the ledger does not keep yet. Give its "
            "folder along with the entry."
        )
    new = Item("040000", "tree", keep_bundle(git, bundle, digest), digest)
    return Item("040000", "tree", git.write_tree([*git.tree(tip, "bundles"), new]), "bundles")


def _entry_item(git: Objects, entry: Entry) -> Item:
    content = msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n"
    try:
        msgspec.json.decode(content, type=Entry)
    except msgspec.ValidationError as error:
        raise LedgerError(f"Nothing was written: malformed entry of {entry.environment!r}: {error}.") from error
    return Item("100644", "blob", git.write_blob(content), f"{entry.environment}.json")


def _commit(git: Objects, tip: str | None, items: list[Item], subject: str, entry: Entry, signed: bool) -> str:
    """Commit the tree of `tip` with `items` in place of those of the same name."""
    replaced = {item.name for item in items}
    kept = [item for item in git.tree(tip) if item.name not in replaced] if tip else []
    tree = git.write_tree(kept + items)
    with signing_options(git, signed) as (options, sign):
        command = [*options, "commit-tree", *sign, tree, *(("-p", tip) if tip else ()), "-F", "-"]
        return git.write_object(*command, given=_message(subject, entry), variables=_identity(entry))


def _message(subject: str, entry: Entry) -> bytes:
    """Return the text that `git log` shows of the event.

    The last line makes the commit unlike any other: two people who record the same event within a second would
    otherwise make the same commit, and each would believe that their own was pushed.
    """
    serving = entry.serving.bundle if entry.serving else "nothing"
    lines = [subject, "", *([entry.reason, ""] if entry.reason else []), f"By: {entry.by}", f"Serving: {serving}"]
    return "\n".join([*lines, f"Event: {secrets.token_hex(8)}", ""]).encode()


def _identity(entry: Entry) -> dict[str, str]:
    """Return git's variables that make whoever acted the author; a server or a runner may have no identity in git."""
    match = re.fullmatch(r"\s*(.*?)\s*<([^<>]*)>\s*", entry.by, re.DOTALL)
    name, email = match.groups() if match else (entry.by, "")
    # Git refuses a name of these characters alone, and some of them would end the line of the commit.
    name = re.sub(r"[<>\s\x00]+", " ", name).strip(" .,:;\"'\\") or "slipway"
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", email), ("DATE", entry.at.isoformat()))
    }


def _arrived(git: Objects, remote: str, new: str, old: str | None, pushed: Pushed) -> bool:
    """Return whether a push that failed arrived nevertheless; False if another command was first, else an error."""
    seen_there = f"The remote {remote!r} did not have it then, and may take it later."
    for pause in PAUSES:
        time.sleep(pause)
        try:
            now = ask_remote(git, remote).commit
            if now not in (new, old):
                fetch_branch(git, remote, now)
        except UnreachableError as error:
            seen_there = f"Then: {error}"
            break
        if now is not None and now != old:
            return git.descends(now, new)
    if pushed.refused:
        raise LedgerError(
            f"Nothing was written: the remote {remote!r} refuses the entry: {pushed.reason} It needs the right to push "
            "the branch and to make tags below refs/tags/ledger. At GitHub only the deploy key has it, with which the "
            "workflows deploy and ledger write: docs/trust.md, Who can change production."
        )
    raise LedgerError(f"It is not known whether the entry was written: {pushed.reason} {seen_there} {LOOK_FIRST}")
