"""Witnesses: a protected tag for each production entry, so that a fresh clone notices a branch that was set back."""

import re
from collections.abc import Iterable, Mapping

from slipway.errors import LedgerError
from slipway.ledger.entries import read_entry
from slipway.ledger.entry import PRODUCTION, Entry
from slipway.ledger.objects import Move, Objects
from slipway.ledger.remote import WITNESSES

_NAME = re.compile(rf"{WITNESSES}/(?P<environment>[a-z][a-z0-9-]*)/(?P<number>\d+)")


def witness_entries(new: str, entries: Iterable[Entry]) -> list[Move]:
    """Return the tags that witness the entries of the commit `new`, none of which may be there yet."""
    own = (entry for entry in entries if entry.environment == PRODUCTION)
    return [Move(f"{WITNESSES}/{entry.environment}/{entry.number}", new, None) for entry in own]


def find_unwitnessed(git: Objects, tip: str | None, witnesses: Mapping[str, str], is_shallow: bool) -> str | None:
    """Return the newest witness whose commit is not in the history of `tip`, None if the branch has them all.

    In a clone that was made shallow after it had verified this history (`is_shallow`), any commit that it holds counts.
    """
    if not witnesses:
        return None
    commits = set(git.run("rev-list", tip, "--").split()) if tip else set()
    if tip and tip not in commits:
        raise git.unexpected("rev-list", b"")
    missing = {name: commit for name, commit in witnesses.items() if commit not in commits}
    lost = [name for name, commit in missing.items() if not _holds(git, tip, commit, is_shallow)]
    return max(lost, key=lambda name: (len(name), name), default=None)


def verify_witness(git: Objects, remote: str | None, witnesses: Mapping[str, str]) -> None:
    """Raise `LedgerError` unless the newest witness points to the entry that its name says: a tag may be moved."""
    named = {name: match for name in witnesses if (match := _NAME.fullmatch(name))}
    if not named:
        return
    name = max(named, key=lambda name: int(named[name]["number"]))
    environment, number = named[name]["environment"], int(named[name]["number"])
    found = read_entry(git, witnesses[name], environment).number
    if found != number:
        tag = name.removeprefix("refs/tags/")
        drop = f"git push {remote} --delete {tag}" if remote else f"git tag -d {tag}"
        raise LedgerError(
            f"The tag {tag} was moved: expected it to witness entry {number} of {environment}, found entry {found}. "
            "Entries may be missing from the branch deployments, and nothing in it is trusted. Find out who moved "
            "the tag, and push it, and the branch, from a clone that knows the entry. To accept the branch as it is: "
            f"remove the tag with `{drop}`, and say why where people will look for it."
        )


def lost_entry(remote: str | None, name: str, commit: str, tip: str | None) -> LedgerError:
    """Return the error for a branch that lacks the commit of a witness."""
    tag = name.removeprefix("refs/tags/")
    where = f"at the remote {remote!r}" if remote else "in this repository"
    bring, drop = f"git update-ref refs/heads/deployments {commit}", f"git tag -d {tag}"
    if remote:
        bring = f"git fetch {remote} tag {tag}` and `git push --force {remote} {tag}:refs/heads/deployments"
        drop = f"git push {remote} --delete {tag}"
    found = f"found {tip} without it" if tip else "found no such branch"
    return LedgerError(
        f"The branch deployments {where} was set back: expected it to hold {commit[:12]}, the entry that the tag {tag} "
        f"witnesses, {found}. Nothing in it is trusted. Find out who set it back. To bring the entry back: `{bring}`. "
        f"To accept the branch as it is: remove the tag with `{drop}`, and say why where people will look for it."
    )


def _holds(git: Objects, tip: str | None, commit: str, is_shallow: bool) -> bool:
    if tip is None or git.resolve(f"{commit}^{{commit}}") != commit:
        return False
    return is_shallow or git.descends(tip, commit)
