"""A clone of the repository in `.demo/`, so that the user's files, lock file and MLflow store are not changed."""

import shutil
from pathlib import Path

from slipway.errors import SettingsError
from slipway.git import Git

WORKSPACE = Path(".demo")
_ADVICE = "The demo runs in a clone of this repository, so it needs a git repository with at least one commit."


def open_workspace(root: Path) -> Path:
    """Clone the repository at `root` into `.demo/`, or update the clone; uncommitted changes are copied.

    Cache, store and bundle of earlier demos are ignored by git and kept. Nothing outside `.demo/` is written. Raises
    `SettingsError` unless `root` is a git repository with a commit.
    """
    folder = root / WORKSPACE
    changed = _listed(root, "diff", "--name-only", "--relative", "HEAD")
    added = _listed(root, "ls-files", "--others", "--exclude-standard")
    if not _is_repository(folder):
        shutil.rmtree(folder, ignore_errors=True)
        _git(root, "clone", "--quiet", "--local", "--no-checkout", str(root), str(folder))
        # Without a remote the demo's ledger stays here.
        _git(folder, f"--git-dir={folder / '.git'}", "remote", "remove", "origin")
    # Explicit paths: git would otherwise search the folders above, and find the user's repository.
    here = (f"--git-dir={folder / '.git'}", f"--work-tree={folder}")
    _git(folder, *here, "fetch", "--quiet", str(root), "HEAD")
    _git(folder, *here, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    _git(folder, *here, "clean", "--quiet", "-d", "--force")
    for name in changed + added:
        _copy(root / name, folder / name)
    return folder


def _is_repository(folder: Path) -> bool:
    here = f"--git-dir={folder / '.git'}"
    return folder.is_dir() and Git(folder, SettingsError).attempt(here, "rev-parse", "--git-dir").exit_code == 0


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    else:
        target.unlink(missing_ok=True)


def _listed(root: Path, *command: str) -> list[str]:
    return [name for name in _git(root, *command, "-z").split("\0") if name]


def _git(folder: Path, *command: str) -> str:
    try:
        return Git(folder, SettingsError).run(*command)
    except SettingsError as error:
        raise SettingsError(f"{error} {_ADVICE}") from error
