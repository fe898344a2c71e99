"""The template's repository: its versions, its trees, and the commit that a repository was copied from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from slipway.errors import SettingsError
from slipway.git import Git
from slipway.updating.origin import Origin

# A place of its own: refs/slipway/ is the ledger's.
_REFS = "refs/slipway-template/"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


class Version(NamedTuple):
    """A released version; its tags are `v1.2.3` (the thin template) and `slipway-v1.2.3` (the whole repository)."""

    major: int
    minor: int
    patch: int

    @property
    def tag(self) -> str:
        """The name of the thin template's tag, by which the version is recorded."""
        return f"v{self.major}.{self.minor}.{self.patch}"

    @property
    def whole(self) -> str:
        """The name of the tag of the whole repository."""
        return f"slipway-{self.tag}"


def parse_version(text: str) -> Version | None:
    """Return the version that a tag names, with or without its `v`; None for another name."""
    found = _VERSION.fullmatch(text if text.startswith("v") else f"v{text}")
    return Version(*(int(part) for part in found.groups())) if found else None


def list_versions(root: Path, origin: Origin) -> list[Version]:
    """Return the released versions, oldest first; raises `SettingsError` if the template cannot be reached."""
    git = Git(root, SettingsError)
    done = git.attempt("ls-remote", "--tags", "--refs", "--", origin.address, "v*", seconds=60)
    if done.exit_code:
        raise SettingsError(
            f"Cannot list the versions of {origin.address}: {done.reason} Check the address and your access, or name "
            "another address with --from."
        )
    names = [line.rpartition("refs/tags/")[2] for line in done.text.splitlines()]
    return sorted(version for name in names if (version := parse_version(name)))


class Upstream:
    """The template's commits, fetched into this repository for a while."""

    def __init__(self, root: Path) -> None:
        self.git = Git(root, SettingsError)

    def find_tree(self, commit: str, *, whole: bool) -> str:
        """Return the tree at a version's tag, of the whole repository or the thin template, or at a commit.

        Raises `SettingsError` where the template has none.
        """
        version = parse_version(commit)
        tag = version and (version.whole if whole else version.tag)
        tree = self.git.resolve(f"{_REFS}tags/{tag}^{{tree}}" if tag else f"{commit}^{{tree}}")
        if tree is None:
            raise SettingsError(
                f"The template has no {f'tag {tag}' if tag else f'commit {commit}'}, which this repository was made "
                "from or updated to. Name a version of it with the same files: slipway update --base VERSION"
            )
        return tree

    def read_changelog(self, version: Version) -> str:
        """Return the changelog of a version; empty if it has none."""
        done = self.git.attempt("show", f"{_REFS}tags/{version.whole}:packages/slipway/CHANGELOG.md")
        return done.text if done.exit_code == 0 else ""

    def find_copied_commit(self) -> str | None:
        """Return the version or commit whose files are those of this repository's first commit, None if none is.

        A copy by "Use this template" begins with one commit, which has the template's tree and none of its history.
        """
        firsts = self.git.run("rev-list", "--max-parents=0", "HEAD").split()
        trees = {self.git.resolve(f"{first}^{{tree}}") for first in firsts}
        listed = self.git.run("log", f"--glob={_REFS}", "--format=%H %T").splitlines()
        commits = [commit for commit, _, tree in (line.partition(" ") for line in listed) if tree in trees]
        if not commits:
            return None
        return self._name(commits) or commits[0]

    def _name(self, commits: list[str]) -> str | None:
        """Return the newest version that one of the commits is."""
        listed = self.git.run(
            "for-each-ref", "--format=%(refname:lstrip=3) %(objectname) %(*objectname)", f"{_REFS}tags"
        )
        versions = []
        for line in listed.splitlines():
            name, *objects = line.split()
            version = parse_version(name.removeprefix("slipway-"))
            if version and set(objects) & set(commits):
                versions.append(version)
        return max(versions).tag if versions else None


@contextmanager
def fetch_upstream(root: Path, origin: Origin) -> Iterator[Upstream]:
    """Yield the template's commits; their references are removed afterwards."""
    git = Git(root, SettingsError)
    wanted = [f"+refs/{kind}/*:{_REFS}{kind}/*" for kind in ("tags", "heads")]
    try:
        done = git.attempt("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", origin.address, *wanted)
        if done.exit_code:
            raise SettingsError(f"Cannot fetch the template from {origin.address}: {done.reason}")
        yield Upstream(root)
    finally:
        references = git.run("for-each-ref", "--format=delete %(refname)", _REFS)
        git.run("update-ref", "--stdin", given=references.encode())
