"""Where the ledger stands: which commit is the newest, and that it continues what was seen before."""

import time
from contextlib import suppress
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.ledger import chain, remote
from slipway.ledger.objects import Objects
from slipway.ledger.remote import BRANCH, UnreachableError, tracking

# The commit up to which this clone has verified the ledger; every later one must descend from it.
SEEN = "refs/slipway/ledger"
# Seconds before the remote is asked what became of a refused push: the winner of two may not have written yet.
_PAUSES = (0.0, 0.2, 0.8)


class Position(NamedTuple):
    """The verified newest commit (None: there is no ledger yet), and why the remote was not asked, if it was not."""

    commit: str | None
    offline: str | None = None


def find(git: Objects, place: str | None, writing: bool) -> Position:
    """Ask the remote `place` (None: look at the local branch), fetch what is new, verify it and remember it.

    Where the remote does not answer, what is known locally is taken for reading, and it is an error for `writing`.
    """
    # Read before the remote is asked: another process may remember a newer commit meanwhile.
    seen = git.commit(SEEN)
    found = _look(git, place, seen, writing)
    if found.commit is None:
        local = git.commit(BRANCH) if place and not found.offline else None
        if local is not None and seen in (local, None):
            raise LedgerError(
                f"Expected the branch deployments at the remote {place!r}, found it in this repository only. If it is "
                f"the ledger: `git push {place} deployments`. If it is not: `git branch -D deployments`."
            )
        if seen is not None or found.offline is not None:
            raise LedgerError(_gone(place, seen, found.offline))
        return found
    _complete(git, place, seen, found.commit)
    if seen != found.commit:
        if seen is not None and not git.descends(found.commit, seen):
            raise LedgerError(_rewritten(place, seen, found.commit))
        chain.verify(git, seen, found.commit)
        git.move(SEEN, found.commit, seen)
    return found


def publish(git: Objects, place: str | None, new: str, old: str | None) -> bool:
    """Let the branch point to `new` if it still points to `old`; False if somebody else moved it meanwhile."""
    if place is None:
        if not git.move(BRANCH, new, old):
            return False
    elif (refusal := remote.push(git, place, new, old)) is not None and not _arrived(git, place, new, old, refusal):
        return False
    # The entry is written: whatever hinders this clone from noting that is found, and said, by the next reading.
    with suppress(LedgerError):
        if place is not None:
            git.move(tracking(place), new, old)
        git.move(SEEN, new, old)
    return True


def _arrived(git: Objects, place: str, new: str, old: str | None, refusal: str) -> bool:
    """What became of a push that failed: it arrived nevertheless, or somebody else was faster, or it is an error."""
    for pause in _PAUSES:
        time.sleep(pause)
        try:
            now = remote.ask(git, place)
            if now not in (new, old):
                remote.fetch(git, place)
        except UnreachableError as error:
            raise LedgerError(
                f"It is not known whether the entry was written: {refusal} Then {error} Look with `slipway history` "
                "when the remote answers, before you try again."
            ) from error
        if now is not None and now != old:
            return git.descends(now, new)
    raise LedgerError(
        f"Nothing was written: the remote {place!r} refuses to move the branch deployments: {refusal} It needs the "
        "right to push there; of the branch's protection, only force-push and deletion may be forbidden."
    )


def _look(git: Objects, place: str | None, seen: str | None, writing: bool) -> Position:
    if place is None:
        return Position(git.commit(BRANCH))
    follower = tracking(place)
    known = git.commit(follower)
    try:
        commit = remote.ask(git, place)
        if commit is not None and commit not in (known, seen):
            remote.fetch(git, place)
    except UnreachableError as error:
        if writing:
            raise LedgerError(
                f"Nothing was written: {error} Writing to the ledger needs its remote. Try again when it answers; "
                "`git remote -v` shows where it is."
            ) from error
        if known and seen and git.descends(seen, known):
            known = seen
        return Position(known or seen, str(error))
    if commit is not None and commit != known:
        git.move(follower, commit, known)
    return Position(commit)


def _complete(git: Objects, place: str | None, seen: str | None, commit: str) -> None:
    """A shallow clone may hold only the newest commits of the branch: fetch the others."""
    if seen == commit or git.run("rev-parse", "--is-shallow-repository").strip() == "false":
        return
    if not _ends_early(git, commit):
        return
    why = "no remote to complete it from."
    try:
        if place is not None:
            remote.fetch(git, place, whole=True)
            why = "the remote holds no more of it."
    except UnreachableError as error:
        why = str(error)
    if _ends_early(git, commit):
        raise LedgerError(
            f"Expected the whole branch deployments, found a shallow copy of it, and {why} Make a full clone, or "
            "`git fetch --unshallow`."
        )


def _ends_early(git: Objects, commit: str) -> bool:
    """Whether a commit that git takes for the first one names a parent: the clone was cut there."""
    first = git.run("rev-list", "--max-parents=0", commit).split()
    return any(content is not None and b"\nparent " in content.split(b"\n\n")[0] for content in git.contents(first))


def _gone(place: str | None, seen: str | None, offline: str | None) -> str:
    if seen is None:
        return f"No ledger is known here, and {offline} Read it once while the remote answers."
    where = f"at the remote {place!r}" if place else "in this repository"
    back = f"git push {place} {seen}:{BRANCH}" if place else f"git update-ref {BRANCH} {seen}"
    return (
        f"Expected the branch deployments {where}: it was there, and its newest known commit is {seen}. Found no such "
        f"branch. To bring it back: `{back}`. To begin anew on purpose: `git update-ref -d {SEEN}`, then "
        "`slipway ledger init`."
    )


def _rewritten(place: str | None, seen: str, commit: str) -> str:
    where = f"at the remote {place!r}" if place else "in this repository"
    back = f"git push --force {place} {seen}:{BRANCH}" if place else f"git update-ref {BRANCH} {seen}"
    return (
        f"The branch deployments {where} was rewritten or shortened: expected a descendant of {seen}, which was its "
        f"newest commit when this clone last looked, found {commit}. Nothing that it says is believed. `git log "
        f"{seen} {commit}` shows both. To bring the known one back: `{back}`. To accept the other on purpose: "
        f"`git update-ref -d {SEEN}`; it is then verified from its first commit."
    )
