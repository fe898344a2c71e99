"""A kept copy of the repository in `.demo/`, so that the user's own tree, lock and store stay untouched."""

import shutil
import subprocess
from pathlib import Path

from slipway.errors import SettingsError

WORKSPACE = Path(".demo")


def open_workspace(root: Path) -> Path:
    """Clone the repository at `root` into `.demo/`, or bring it up to date there; uncommitted work comes along.

    What earlier demos made (cache, store, bundle) is ignored by git and stays. Raises `SettingsError` where `root` is
    no git repository with a commit.
    """
    folder = root / WORKSPACE
    if not (folder / ".git").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _git(root, "clone", "--quiet", "--local", "--no-checkout", str(root), str(folder))
    _git(folder, "fetch", "--quiet", str(root), "HEAD")
    _git(folder, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    _git(folder, "clean", "--quiet", "-d", "--force")
    for name in _listed(root, "diff", "--name-only", "HEAD") + _listed(
        root, "ls-files", "--others", "--exclude-standard"
    ):
        _copy(root / name, folder / name)
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    else:
        target.unlink(missing_ok=True)


def _listed(root: Path, *command: str) -> list[str]:
    return [name for name in _git(root, *command, "-z").split("\0") if name]


def _git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SettingsError(
            f"git {command[0]} failed in {folder}: {done.stderr.strip()} The demo works on a clone of this "
            "repository, so it needs a git repository with at least one commit: git init, git add ., git commit."
        )
    return done.stdout
