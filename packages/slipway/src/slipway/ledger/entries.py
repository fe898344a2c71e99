"""Read entries from the branch, strictly; an error names the commit."""

import re
from collections.abc import Iterator

from slipway.errors import LedgerError
from slipway.files.documents import parse_json
from slipway.ledger.entry import Entry
from slipway.ledger.objects import Objects

ENTRY = re.compile(r"([a-z][a-z0-9-]{0,30})\.json\Z")
# Deeper than any summary of the gate: what can be read can be printed as well.
_DEEPEST = 20
_FIX = (
    "The branch is never edited by hand: `git log -p deployments` shows the change (for a remote, `git log -p "
    "REMOTE/deployments`); reset the branch to the commit before it, and accept that with `git update-ref -d "
    "refs/slipway/ledger` in every clone that has read it."
)


def list_environments(git: Objects, commit: str) -> list[str]:
    """Return the environments that have an entry at `commit`, sorted."""
    found = (ENTRY.match(item.name) for item in git.tree(commit))
    return sorted(match.group(1) for match in found if match)


def read_entry(git: Objects, commit: str, environment: str) -> Entry:
    """Return the entry of the environment at `commit`; raises `LedgerError` if it is missing or malformed."""
    path = f"{environment}.json"
    (content,) = git.contents([f"{commit}:{path}"]) if ENTRY.match(path) else (None,)
    if content is None and environment not in (known := list_environments(git, commit)):
        raise LedgerError(
            f"The ledger has no environment {environment!r}; it has {', '.join(known) or 'none'}. "
            f"`slipway ledger init --environment {environment} --reason ...` adds it."
        )
    return parse_entry(content, environment, commit)


def parse_entry(content: bytes | None, environment: str, commit: str) -> Entry:
    """Decode an entry strictly; raises `LedgerError` that names the commit."""
    if content is None:
        raise missing_object(f"{environment}.json", commit)
    try:
        entry = parse_json(content, Entry, f"{environment}.json", LedgerError, advice="")
    except LedgerError as error:
        raise damaged_commit(commit, str(error)) from error
    if _is_deeper(entry.gate, _DEEPEST):
        raise damaged_commit(commit, f"{environment}.json: gate: expected at most {_DEEPEST} levels, found more")
    if entry.environment != environment:
        raise damaged_commit(commit, f"{environment}.json names the environment {entry.environment!r}")
    return entry


def _is_deeper(value: object, levels: int) -> bool:
    """Return whether an object or array holds more levels than these."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (levels == 0 or any(_is_deeper(each, levels - 1) for each in inner))


class DamageError(LedgerError):
    """The branch breaks a rule of the ledger: `what` is wrong, `where`, and `fix` says what to do."""

    def __init__(self, where: str, what: str, fix: str) -> None:
        self.what = what.rstrip(". ")
        super().__init__(f"{where}: {self.what}. {fix}")


def damaged_commit(commit: str, what: str) -> DamageError:
    """Return the error for a commit that breaks a rule of the ledger."""
    return DamageError(f"The ledger is damaged at commit {commit[:12]}", what, _FIX)


def missing_object(path: str, commit: str) -> LedgerError:
    """Return the error for a file of a commit whose content this clone does not have."""
    return LedgerError(
        f"Expected {path} of commit {commit[:12]}, found that its content is missing from this clone. `git fsck` lists "
        "everything that is missing; make a new clone."
    )


def read_history(git: Objects, tip: str, environment: str, limit: int | None) -> Iterator[Entry]:
    """Yield the entries of the environment up to the verified commit `tip`, newest first."""
    newest = read_entry(git, tip, environment)
    wanted = newest.number + 1 if limit is None else min(limit, newest.number + 1)
    path = f"{environment}.json"
    commits = git.run("rev-list", f"--max-count={wanted}", tip, "--", f":(top,literal){path}").split()
    if not commits:
        raise git.unexpected("rev-list", b"")
    if len(commits) != wanted:
        raise LedgerError(
            f"Expected {wanted} commits that write {path}, found {len(commits)}: a shallow fetch has hidden the others "
            "from this clone. `git fetch --unshallow` brings them back."
        )
    contents = git.contents(f"{commit}:{path}" for commit in commits)
    return (parse_entry(content, environment, commit) for commit, content in zip(commits, contents, strict=True))
