"""Trees of two versions of the template, without what belongs to the team."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import SettingsError, first_line
from slipway.git import Git
from slipway.updating.origin import ANSWERS, Origin

# The team's from the first day; copier.yml of the thin template leaves out the same.
_TEAMS = (
    "src/",
    "tests/",
    ".dvc/config",
    ".dvc/embedded/",
    "docs/data.md",
    "data.dvc",
    "demo.yaml",
    "dvc.lock",
    "gate.yaml",
    "metrics.json",
    "monitor.yaml",
    "params.yaml",
    "uv.lock",
    ANSWERS,
)
# A file with more of its lines rewritten is the team's own text.
_KEPT_SHARE = 0.5

Entries = Mapping[str, str]


def render_tree(root: Path, origin: Origin, tag: str) -> str:
    """Return the tree of the thin template at a tag, with the answers of this repository; raises `SettingsError`."""
    from copier import run_copy
    from copier.errors import CopierError

    with tempfile.TemporaryDirectory(prefix="slipway-template-") as folder:
        try:
            run_copy(origin.source, folder, data=dict(origin.answers), vcs_ref=tag, defaults=True, quiet=True)
        except (CopierError, ValueError, OSError) as error:
            raise SettingsError(f"Cannot render {tag} of the template {origin.source}: {first_line(error)}") from error
        directory = Git(root, SettingsError).run("rev-parse", "--absolute-git-dir").strip()
        with _index() as variables:
            variables |= {"GIT_DIR": directory, "GIT_WORK_TREE": folder}
            git = Git(Path(folder), SettingsError)
            git.run("add", "--all", "--force", ".", variables=variables)
            return git.run("write-tree", variables=variables).strip()


def read_entries(git: Git, tree: str) -> dict[str, str]:
    """Return mode, kind and id of each file of a tree by its path."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", tree).split("\0")
    return {path: entry for entry, _, path in (line.partition("\t") for line in listed if line)}


def write_entries(git: Git, entries: Entries) -> str:
    """Write the tree of these files and return its id."""
    lines = "".join(f"{entry}\t{path}\0" for path, entry in entries.items())
    with _index() as variables:
        git.run("update-index", "--add", "-z", "--index-info", given=lines.encode(), variables=variables)
        return git.run("write-tree", variables=variables).strip()


def keep_template_files(entries: Entries) -> dict[str, str]:
    """Return the files that are the template's, without those that belong to the team."""
    return {path: entry for path, entry in entries.items() if not path.startswith(_TEAMS)}


def list_edited(git: Git, base: Entries) -> tuple[list[str], list[str], list[str]]:
    """Return the template's files that HEAD has edited, rewritten and deleted, of those in `base`."""
    ours = read_entries(git, "HEAD")
    differing = [path for path, entry in base.items() if path in ours and ours[path] != entry]
    rewritten = [path for path in differing if _is_rewritten(git, base[path], ours[path])]
    edited = [path for path in differing if path not in rewritten]
    return edited, rewritten, [path for path in base if path not in ours]


def _is_rewritten(git: Git, before: str, after: str) -> bool:
    """Return whether less than half of a file's lines are left."""
    old, new = (entry.split()[-1] for entry in (before, after))
    counted = git.run("diff", "--numstat", old, new).split("\t")
    if len(counted) < 2 or not counted[1].isdigit():
        return False
    lines = git.run("cat-file", "blob", old).count("\n")
    return int(counted[1]) > lines * (1 - _KEPT_SHARE)


@contextmanager
def _index() -> Iterator[dict[str, str]]:
    """Yield the variables with which git uses an index of its own."""
    with tempfile.TemporaryDirectory(prefix="slipway-index-") as folder:
        yield {"GIT_INDEX_FILE": str(Path(folder) / "index")}
