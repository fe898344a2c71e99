"""Take over the commit of a retrain from a job without rights: verified by its content before it is pushed."""

from pathlib import Path

from slipway.errors import GitHubError
from slipway.git import Git

# The git bundle in which the commit is handed over.
FILE = "retrain.bundle"
# What a retrain may change. Everything else is code, rules or workflows.
_FILES = ("data.dvc", "dvc.lock", "metrics.json")
_FOLDER = ".dvc/embedded/files/"
_REGULAR, _NONE = "100644", "000000"
_HELD = "refs/slipway/retrain"


def pack_commit(root: Path, commit: str, folder: Path) -> None:
    """Write the commit without its parent into `folder`; raises `GitHubError`."""
    git = Git(root, GitHubError)
    git.run("update-ref", _HELD, commit)
    git.run("bundle", "create", "--quiet", str((folder / FILE).absolute()), _HELD, f"^{commit}~1")


def fetch_commit(root: Path, folder: Path, base: str) -> str:
    """Fetch the commit from `folder` and return it.

    Raises `GitHubError` unless it is one commit on `base` that changes data, lock and figures and nothing else.
    """
    git = Git(root, GitHubError)
    git.run("fetch", "--quiet", "--no-tags", str((folder / FILE).absolute()), f"+{_HELD}:{_HELD}")
    commit = git.run("rev-parse", "--verify", f"{_HELD}^{{commit}}").strip()
    parents = git.run("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    if parents != [base]:
        raise GitHubError(
            f"The retrain's commit is refused: expected the one parent {base[:12]}, found "
            f"{', '.join(parent[:12] for parent in parents) or 'none'}. Start retrain.yml again."
        )
    _check_changes(git.run("diff-tree", "-r", "-z", "--no-renames", base, commit))
    return commit


def push_branch(root: Path, commit: str, branch: str) -> None:
    """Push the commit as a new branch; a branch that is there already is left as it is. Raises `GitHubError`."""
    git, name = Git(root, GitHubError), f"refs/heads/{branch}"
    if git.run("ls-remote", "origin", name).strip():
        return
    git.run("push", "--quiet", "origin", f"{commit}:{name}")


def _check_changes(raw: str) -> None:
    """Raise `GitHubError` for a path that no retrain changes, and for what is no regular file."""
    words = raw.split("\0")
    for facts, path in zip(words[0::2], words[1::2], strict=False):
        mode = facts.split()[1]
        if (path not in _FILES and not path.startswith(_FOLDER)) or mode not in (_REGULAR, _NONE):
            raise GitHubError(
                f"The retrain's commit is refused: it changes {path!r} (mode {mode}). Expected regular files of "
                f"{', '.join(_FILES)} and {_FOLDER} alone. Nothing was pushed."
            )
