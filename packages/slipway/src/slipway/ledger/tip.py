"""Find the newest commit of the ledger, the tip, verified to continue what this clone has seen."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.ledger.objects import Move, Objects
from slipway.ledger.remote import (
    BRANCH,
    PAUSES,
    WITNESSES,
    UnreachableError,
    ask_remote,
    fetch_branch,
    fetch_main,
    tracking_branch,
)
from slipway.ledger.signatures import Signers, read_signers, verify_newest
from slipway.ledger.verify import verify_history
from slipway.ledger.witness import find_unwitnessed, lost_entry, verify_witness

# The commit up to which this clone has verified the ledger; every later one must descend from it.
SEEN = "refs/slipway/ledger"
# The commit whose signers count where there is no remote, or it cannot be asked.
_HEAD = "HEAD^{commit}"


class Tip(NamedTuple):
    """The verified newest commit (None: there is no ledger yet), and why the remote was not asked, if it was not.

    `witnesses` are the tags, and `main` is the commit of the main branch, where the branch was read too; `trust` is a
    sentence on who vouches for the commit, and `signers` are those who may.
    """

    commit: str | None
    offline: str | None = None
    witnesses: Mapping[str, str] = {}
    main: str | None = None
    signers: Signers | None = None
    trust: str = ""


def find_tip(git: Objects, remote: str | None, writing: bool) -> Tip:
    """Ask the `remote` (None: read the local branch), fetch the commits that are new, verify and remember them.

    If the remote cannot be reached, reading uses what is known locally, and `writing` is an error.
    """
    # Read before the remote is asked: another process may remember a newer commit meanwhile.
    seen = git.commit(SEEN)
    # What a remote says is no snapshot: the branch of before a push, the tags of after it.
    for pause in PAUSES:
        time.sleep(pause)
        found = _find(git, remote, seen, writing)
        if found.commit is None:
            _require_absent(git, remote, seen, found)
        is_shallow = found.commit is not None and _complete_history(git, remote, seen, found.commit)
        _verify_descends(git, remote, seen, found.commit)
        lost = find_unwitnessed(git, found.commit, found.witnesses, is_shallow)
        if lost is None:
            break
    if lost is not None:
        raise lost_entry(remote, lost, found.witnesses[lost], found.commit)
    signers = read_signers(git, found.main)
    if found.commit is None:
        return found._replace(signers=signers)
    if seen != found.commit:
        verify_history(git, seen, found.commit)
        verify_witness(git, remote, found.witnesses)
    trust = verify_newest(git, signers, found.commit)
    if seen != found.commit:
        git.move(Move(SEEN, found.commit, seen))
    return found._replace(signers=signers, trust=trust)


def _require_absent(git: Objects, remote: str | None, seen: str | None, found: Tip) -> None:
    """Raise `LedgerError` if this clone has seen a branch that is not to be found now."""
    local = git.commit(BRANCH) if remote and not found.offline else None
    if local is not None and seen in (local, None) and not found.witnesses:
        raise LedgerError(
            f"Expected the branch deployments at the remote {remote!r}, found it in this repository only. If it is the "
            f"ledger: `git push {remote} deployments 'refs/tags/ledger/*'`. If it is not: `git branch -D deployments`."
        )
    if seen is not None or found.offline is not None:
        raise LedgerError(_missing(remote, seen, found.offline))


def _verify_descends(git: Objects, remote: str | None, seen: str | None, commit: str | None) -> None:
    """Raise `LedgerError` unless `commit` descends from the newest one that this clone has seen."""
    if commit is not None and seen not in (None, commit) and not git.descends(commit, seen):
        raise LedgerError(_rewritten(remote, seen, commit))


def _find(git: Objects, remote: str | None, seen: str | None, writing: bool) -> Tip:
    # The tags are read before the branch, which is written first: it is never behind them.
    if remote is None:
        witnesses = git.references(WITNESSES)
        return Tip(git.commit(BRANCH), None, witnesses, git.resolve(_HEAD))
    follower = tracking_branch(remote)
    known = git.commit(follower)
    try:
        commit, witnesses, main = ask_remote(git, remote)
        if main is not None:
            fetch_main(git, remote, main)
        if commit is not None and commit not in (known, seen):
            fetch_branch(git, remote, commit)
    except UnreachableError as error:
        if writing:
            raise LedgerError(
                f"Nothing was written: {error} Writing to the ledger needs its remote. Retry when it can be reached; "
                "`git remote -v` shows where it is."
            ) from error
        if known and seen and git.descends(seen, known):
            known = seen
        return Tip(known or seen, str(error), git.references(WITNESSES), git.resolve(_HEAD))
    if commit is not None and commit != known:
        git.move(Move(follower, commit, known))
    return Tip(commit, None, witnesses, main or git.resolve(_HEAD))


def _complete_history(git: Objects, remote: str | None, seen: str | None, commit: str) -> bool:
    """Fetch the older commits of the branch where a shallow clone holds only the newest ones.

    Return whether a clone that has verified this very commit was made shallow later: it needs no more of it.
    """
    if not git.is_shallow() or not _ends_early(git, commit):
        return False
    if seen == commit:
        return True
    why = "there is no remote to complete it from."
    try:
        if remote is not None:
            fetch_branch(git, remote, commit, whole=True)
            why = "the remote holds no more of it."
    except UnreachableError as error:
        why = str(error)
    if _ends_early(git, commit):
        raise LedgerError(
            f"Expected the whole branch deployments, found a shallow copy of it: {why} Make a full clone, or `git "
            "fetch --unshallow`."
        )
    return False


def _ends_early(git: Objects, commit: str) -> bool:
    """Return whether a commit that git takes for the first one names a parent: the clone is shallow there."""
    first = git.run("rev-list", "--max-parents=0", commit, "--").split()
    if not first:
        raise git.unexpected("rev-list", b"")
    return any(content is not None and b"\nparent " in content.split(b"\n\n")[0] for content in git.contents(first))


def _missing(remote: str | None, seen: str | None, offline: str | None) -> str:
    if seen is None:
        return f"No ledger is known here yet. {offline} Read it once while the remote can be reached."
    where, back = _locate_branch(remote, seen)
    return (
        f"Expected the branch deployments {where}, with {seen} as its newest known commit; found no such branch. To "
        f"bring it back: `{back}`. To start a new ledger on purpose: `git update-ref -d {SEEN}`, then `slipway ledger "
        "init`."
    )


def _rewritten(remote: str | None, seen: str, commit: str) -> str:
    where, back = _locate_branch(remote, seen, "--force ")
    return (
        f"The branch deployments {where} was rewritten or shortened: expected a descendant of {seen}, which was its "
        f"newest commit when this clone last read it, found {commit}. Nothing in it is trusted. `git log {seen} "
        f"{commit}` shows both. To bring the known one back: `{back}`. To accept the other on purpose: `git update-ref "
        f"-d {SEEN}`; it is then verified from its first commit."
    )


def _locate_branch(remote: str | None, seen: str, force: str = "") -> tuple[str, str]:
    """Return where the branch is, in words, and the command that points it to `seen` again."""
    if remote:
        return f"at the remote {remote!r}", f"git push {force}{remote} {seen}:{BRANCH}"
    return "in this repository", f"git update-ref {BRANCH} {seen}"
