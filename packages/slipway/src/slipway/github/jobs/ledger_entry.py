"""Write an entry of the ledger by hand, in a job that has the environment's key and runs no code of a bundle."""

from pathlib import Path

from slipway.errors import GitHubError
from slipway.git import Git
from slipway.ledger import Entry, Ledger
from slipway.ledger.entry import PRODUCTION
from slipway.ledger.records import read_record_file
from slipway.ledger.transitions import unblock_entry

_ON_A_BUNDLE = ("unblock", "distrust")


def write_ledger_entry(root: Path, action: str, environment: str, digest: str, reason: str, record: Path) -> Entry:
    """Write the entry of an action and return it; raises `GitHubError` for inputs that do not fit the action.

    A rebase takes the file `record`, which a job without rights has made of the rows of the commit that is checked out.
    """
    if bool(digest) != (action in _ON_A_BUNDLE):
        wanted = "the first digits of a bundle's digest" if action in _ON_A_BUNDLE else "no digest"
        raise GitHubError(
            f"Nothing was written: {action} takes {wanted}, found {digest!r}. Run the workflow again, with the field "
            f"digest {'filled in' if action in _ON_A_BUNDLE else 'empty'}."
        )
    if action == "rebase" and environment != PRODUCTION:
        raise GitHubError(
            f"Nothing was written: rebase records what production's model gets, found the environment {environment}. "
            f"Run the workflow again, with the environment {PRODUCTION}."
        )
    ledger = Ledger(root)
    if action == "init":
        ledger.init([environment], ledger.by, reason)
        return ledger.read(environment)
    if action == "distrust":
        return ledger.distrust(environment, digest, reason)
    if action == "rebase":
        commit = Git(root, GitHubError).read_working_tree("--untracked-files=no").commit
        return ledger.rebase(*read_record_file(record), reason, commit or "(none)")
    return ledger.append(environment, lambda newest: unblock_entry(newest, digest, by=ledger.by, reason=reason))
