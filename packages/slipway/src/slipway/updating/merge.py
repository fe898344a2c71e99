"""Merge the difference between two versions of the template into the working tree, as `git merge` does."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from slipway.errors import SettingsError
from slipway.git import Git

_CONFLICTS = 1


class Merged(NamedTuple):
    """The paths that differ from HEAD after a merge, and those of them that are in conflict."""

    changed: list[str]
    conflicts: list[str]


def merge_trees(git: Git, base: str, theirs: str, name: str) -> Merged:
    """Merge what changed from the tree `base` to the tree `theirs` into index and working tree.

    A conflict has git's markers, `name` beside the template's side. Raises `SettingsError` where git cannot merge,
    say over an untracked file; then nothing was changed.
    """
    ours = git.resolve("HEAD^{commit}")
    variables = {f"GITHEAD_{ours}": "yours", f"GITHEAD_{theirs}": name}
    done = git.attempt(
        "-c", "merge.renames=false", "merge-recursive", base, "--", str(ours), theirs, variables=variables
    )
    if done.exit_code not in (0, _CONFLICTS):
        raise git.error("merge-recursive", done)
    return Merged(
        changed=_list_paths(git, "diff", "--name-only", "-z", "HEAD"),
        conflicts=_list_paths(git, "diff", "--name-only", "-z", "--diff-filter=U"),
    )


def _list_paths(git: Git, *command: str) -> list[str]:
    return sorted({path for path in git.run(*command).split("\0") if path})


@contextmanager
def scratch_tree(git: Git) -> Iterator[Git]:
    """Yield a working tree of HEAD that is thrown away: a dry run merges there."""
    with tempfile.TemporaryDirectory(prefix="slipway-update-") as folder:
        path = Path(folder) / "tree"
        # A hook after a checkout, of DVC for instance, would fetch data here.
        git.run("-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(path), "HEAD")
        try:
            yield Git(path, SettingsError)
        finally:
            git.run("worktree", "remove", "--force", str(path))
