"""The remote that keeps the ledger: ask it, fetch from it, push to it."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.ledger.objects import Move, Objects
from slipway.settings import ProjectSettings, project_settings

BRANCH = "refs/heads/deployments"
_MAIN = "HEAD"
# The folder of the tags that witness production's entries.
WITNESSES = "refs/tags/ledger"
# A remote that cannot be reached is reported in seconds; git alone would wait for minutes.
_PATIENCE = 30.0
_TRANSFER = 300.0
_STALL_OPTIONS = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=20")
# Seconds before each question to a remote: another command may be writing to it.
PAUSES = (0.0, 0.2, 0.8)
# One less than what git takes for "no clone may stay shallow": the rest of a shallow clone stays as it is.
_WHOLE = "--depth=2147483646"
_NO_MATCH = 2
# An answer of a server that refused the login, so that nothing can arrive later.
_DENIED = re.compile(r"returned error: 4\d\d|Authentication failed|Permission denied")


class UnreachableError(LedgerError):
    """The remote cannot be reached."""


def choose_remote(git: Objects, settings: ProjectSettings | None) -> str | None:
    """Return the remote that keeps the ledger, None if this repository itself does.

    `ledger_remote` of `[tool.slipway]` (empty: none); without it `origin`, else the only remote, else none.
    """
    if settings is None and (git.root / "pyproject.toml").exists():
        settings = project_settings(git.root)
    wanted = settings.ledger_remote if settings else None
    urls = (key for key in git.configuration() if key.startswith("remote.") and key.endswith(".url"))
    remotes = sorted(key.removeprefix("remote.").removesuffix(".url") for key in urls)
    if wanted == "":
        return None
    if wanted is not None and wanted not in remotes:
        raise LedgerError(
            f"[tool.slipway] ledger_remote of pyproject.toml is {wanted!r}; found the remotes {remotes}. Add it with "
            f"`git remote add {wanted} URL`, or name another one."
        )
    if wanted is not None:
        return wanted
    return "origin" if "origin" in remotes else remotes[0] if len(remotes) == 1 else None


def tracking_branch(remote: str) -> str:
    """Return the local reference that follows the branch of the remote."""
    return f"refs/remotes/{remote}/deployments"


class Answer(NamedTuple):
    """The commit of the branch, the witnesses by the names of their tags, and the commit of the main branch.

    None stands for a branch that the remote does not have.
    """

    commit: str | None
    witnesses: dict[str, str]
    main: str | None


def ask_remote(git: Objects, remote: str) -> Answer:
    """Return what the remote has of the ledger; raises `UnreachableError`."""
    names = (_MAIN, BRANCH, f"{WITNESSES}/*")
    try:
        done = git.attempt(*_STALL_OPTIONS, "ls-remote", "--exit-code", remote, *names, seconds=_PATIENCE)
    except LedgerError as error:
        raise UnreachableError(f"Cannot connect to the remote {remote!r}: {error}") from error
    # 2 is git's exit code for a remote without such a branch and tags.
    if done.exit_code == _NO_MATCH and not done.output:
        return Answer(None, {}, None)
    found = {name: commit for commit, _, name in (line.partition("\t") for line in done.text.splitlines())}
    # A tag with a text of its own is listed twice: as itself, and as what it points to.
    tags = {name: commit for name, commit in found.items() if name.startswith(f"{WITNESSES}/")}
    witnesses = {name: commit for name, commit in tags.items() if not name.endswith("^{}")}
    if done.exit_code or not {_MAIN, BRANCH, *witnesses} & set(found):
        reason = done.reason if done.exit_code else "`git ls-remote` printed nothing of the branch."
        raise UnreachableError(f"Cannot connect to the remote {remote!r}: {reason}")
    return Answer(found.get(BRANCH), witnesses, found.get(_MAIN))


def fetch_main(git: Objects, remote: str, wanted: str) -> None:
    """Fetch the commit `wanted` of the remote's main branch unless it is here; a shallow clone stays shallow."""
    if git.resolve(f"{wanted}^{{commit}}") is None:
        depth = ("--depth=1",) if git.is_shallow() else ()
        _fetch(git, remote, _MAIN, wanted, depth)


def fetch_branch(git: Objects, remote: str, wanted: str | None, whole: bool = False) -> None:
    """Fetch the branch, with its commit `wanted`, without moving any reference.

    `whole` fetches what a shallow clone lacks of it.
    """
    _fetch(git, remote, BRANCH, wanted, (_WHOLE,) if whole else ())


def _fetch(git: Objects, remote: str, name: str, wanted: str | None, depth: tuple[str, ...]) -> None:
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
    command = ("fetch", *quiet, *depth, "--no-filter", "--refmap=", remote, name)
    try:
        done = git.attempt(*_STALL_OPTIONS, *command, seconds=_TRANSFER)
    except LedgerError as error:
        raise UnreachableError(f"Cannot fetch {name} from the remote {remote!r}: {error}") from error
    if done.exit_code:
        raise UnreachableError(f"Cannot fetch {name} from the remote {remote!r}: {done.reason}")
    if wanted and git.resolve(f"{wanted}^{{commit}}") is None:
        raise UnreachableError(f"Cannot fetch {name} from the remote {remote!r}: the commit {wanted} did not come.")


class Pushed(NamedTuple):
    """The answer to a push; where it did not `arrive`, `reason` says why, and `refused` whether the remote said no."""

    arrived: bool
    refused: bool
    reason: str


def push_moves(git: Objects, remote: str, moves: Sequence[Move]) -> Pushed:
    """Move references at the remote, all or none; the first one is the branch.

    No hook of the repository runs: they check code and push data.
    """
    leases = [f"--force-with-lease={move.name}:{move.old or ''}" for move in moves]
    options = ("--atomic", "--porcelain", "--no-progress", "--no-verify", "--no-follow-tags", "--no-recurse-submodules")
    names = [f"{move.new}:{move.name}" for move in moves]
    try:
        done = git.attempt(*_STALL_OPTIONS, "push", *options, *leases, remote, *names, seconds=_TRANSFER)
    except LedgerError as error:
        return Pushed(arrived=False, refused=False, reason=str(error))
    # A reference a line, between the address and "Done": a flag, which is "!" for no, both names, a summary.
    rows = [line.split("\t") for line in done.output.decode(errors="replace").splitlines()]
    flags = {row[1].rpartition(":")[2]: row[0] for row in rows if len(row) == len(("flag", "names", "summary"))}
    if done.exit_code == 0 and all(flags.get(move.name, "!") != "!" for move in moves):
        return Pushed(arrived=True, refused=False, reason="")
    said = done.reason if done.exit_code else "`git push` printed nothing of the branch."
    if taken := [row[1] for row in rows if row[0] == "!" and WITNESSES in row[1] and "stale" in row[2]]:
        said = (
            f"The tag {taken[0].rpartition(':')[2]} exists already, though only a delivery makes it. Remove it. {said}"
        )
    return Pushed(arrived=False, refused="!" in flags.values() or _DENIED.search(said) is not None, reason=said)
