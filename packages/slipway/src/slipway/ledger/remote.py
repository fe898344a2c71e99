"""The remote that keeps the ledger: ask it, fetch from it, push to it."""

from slipway.errors import LedgerError
from slipway.ledger.objects import Objects
from slipway.settings import ProjectSettings, project_settings

BRANCH = "refs/heads/deployments"
# A remote that cannot be reached is reported in seconds; git alone would wait for minutes.
_PATIENCE = 30.0
_TRANSFER = 300.0
_IMPATIENT = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=20")
# One less than what git takes for "no clone may stay shallow": the rest of a shallow clone stays as it is.
_WHOLE = "--depth=2147483646"


class UnreachableError(LedgerError):
    """The remote cannot be reached."""


def choose_remote(git: Objects, settings: ProjectSettings | None) -> str | None:
    """Return the remote that keeps the ledger, None if this repository itself does.

    `ledger_remote` of `[tool.slipway]` (empty: none); without it `origin`, else the only remote, else none.
    """
    if settings is None and (git.root / "pyproject.toml").exists():
        settings = project_settings(git.root)
    wanted = settings.ledger_remote if settings else None
    remotes = git.run("remote").split()
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


def ask_remote(git: Objects, remote: str) -> str | None:
    """Return the commit of the branch at the remote, None without such a branch; raises `UnreachableError`."""
    try:
        done = git.attempt(*_IMPATIENT, "ls-remote", "--exit-code", "--refs", remote, BRANCH, seconds=_PATIENCE)
    except LedgerError as error:
        raise UnreachableError(f"Cannot connect to the remote {remote!r}: {error}") from error
    # 2 is git's exit code for a remote without such a branch.
    if done.exit_code not in (0, 2):
        raise UnreachableError(f"Cannot connect to the remote {remote!r}: {done.reason}")
    lines = (line.split("\t") for line in done.text.splitlines())
    return next((commit for commit, name in lines if name == BRANCH), None)


def fetch_branch(git: Objects, remote: str, whole: bool = False) -> None:
    """Fetch the branch without moving any reference; `whole` fetches what a shallow clone lacks of it."""
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-maintenance")
    depth = (_WHOLE,) if whole else ()
    command = ("fetch", *quiet, *depth, "--no-filter", "--refmap=", remote, BRANCH)
    try:
        done = git.attempt(*_IMPATIENT, *command, seconds=_TRANSFER)
    except LedgerError as error:
        raise UnreachableError(f"Cannot fetch the branch from the remote {remote!r}: {error}") from error
    if done.exit_code:
        raise UnreachableError(f"Cannot fetch the branch from the remote {remote!r}: {done.reason}")


def push_branch(git: Objects, remote: str, new: str, old: str | None) -> str | None:
    """Move the branch at the remote from `old` (None: it does not exist) to `new`; return None, or why that failed.

    No hook of the repository runs: they check code and push data.
    """
    lease = f"--force-with-lease={BRANCH}:{old or ''}"
    quiet = ("--quiet", "--no-verify", "--no-follow-tags", "--no-recurse-submodules")
    try:
        done = git.attempt(*_IMPATIENT, "push", *quiet, lease, remote, f"{new}:{BRANCH}", seconds=_TRANSFER)
    except LedgerError as error:
        return str(error)
    return done.reason if done.exit_code else None
