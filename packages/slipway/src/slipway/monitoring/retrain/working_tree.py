"""Change the working tree for a retrain, commit the change to a branch, or take it back."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from slipway.errors import DeliveryError
from slipway.git import Git

# What `dvc add data` and `dvc repro` change of what git tracks.
_TRACKED = ("data.dvc", "dvc.lock", "metrics.json")
# A remote inside of the repository.
_EMBEDDED = ".dvc/embedded"


def verify_clean(root: Path) -> None:
    """Raise `DeliveryError` unless every tracked file, and the data that DVC tracks, are as committed."""
    changed = Git(root, DeliveryError).run("status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed[:5])
        raise DeliveryError(
            f"Tracked files differ from the last commit ({len(changed)}): {names}. A retrain commits data and figures "
            "alone. Commit or restore them (`git restore`), then retry."
        )
    if run_dvc(root, "status", "--quiet", "data.dvc", must=False):
        raise DeliveryError(
            "data/ differs from data.dvc. Commit the change (`dvc add data`), or restore the data (`dvc checkout "
            "--force data.dvc`; `dvc pull data.dvc` in a fresh clone), then retry."
        )


def verify_branch_is_new(root: Path, branch: str) -> None:
    """Raise `DeliveryError` if the branch exists already."""
    if Git(root, DeliveryError).resolve(f"refs/heads/{branch}"):
        raise DeliveryError(
            f"The branch {branch} exists: an earlier retrain proposed it. Merge it, or delete it with `git branch -D "
            f"{branch}`, then retry."
        )


def commit_retrain(root: Path, branch: str, message: str) -> str:
    """Commit data, lock and figures to a new branch, which is then checked out; return the commit."""
    git = Git(root, DeliveryError)
    before = git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").text
    run_dvc(root, "push", "--quiet", "data.dvc")
    git.run("switch", "--quiet", "--create", branch)
    try:
        embedded = [_EMBEDDED] if (root / _EMBEDDED).is_dir() else []
        git.run("add", "--", *(name for name in _TRACKED if (root / name).exists()), *embedded)
        git.run(*_identity(git), "commit", "--quiet", "--file", "-", given=message.encode())
    except DeliveryError:
        # Nothing was committed, so both branches are at the same commit.
        git.run("switch", "--quiet", *([before] if before else ["--detach"]))
        git.run("branch", "--quiet", "-D", branch)
        raise
    return git.run("rev-parse", "HEAD").strip()


def restore_tree(root: Path, say: Callable[[str], None]) -> None:
    """Take back what a retrain changed: tracked files, data, and the model of before where DVC has it."""
    git = Git(root, DeliveryError)
    if tracked := git.run("ls-files", "--", *_TRACKED).split():
        git.run("checkout", "--quiet", "HEAD", "--", *tracked)
    if run_dvc(root, "checkout", "--quiet", "--force", "--allow-missing", must=False):
        say("Data and model of before could not be restored: run `dvc checkout --force`, or `dvc repro`.")


def run_dvc(root: Path, *words: str, must: bool = True) -> int:
    """Run dvc, its output on standard error, and return its exit code; raises `DeliveryError` if it must end well."""
    here = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join((here, os.environ.get("PATH", "")))}
    # Standard output holds the result, which may be JSON.
    done = subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, env=environment, stdout=sys.stderr.fileno())
    if must and done.returncode:
        raise DeliveryError(
            f"`dvc {' '.join(words)}` ended with exit code {done.returncode}; its output is above. Data and figures "
            "are restored."
        )
    return done.returncode


def _identity(git: Git) -> tuple[str, ...]:
    """Return an identity for the commit where git has none, as in a container."""
    if git.attempt("config", "user.email").text:
        return ()
    return ("-c", "user.name=slipway retrain", "-c", "user.email=retrain@slipway.invalid")
