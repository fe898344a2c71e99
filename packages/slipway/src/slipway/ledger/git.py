"""Git's plumbing in one repository, as subprocesses; whatever fails is a `LedgerError` with git's own words."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from slipway.errors import LedgerError

# Set in hooks, where they name the repository of the hook wherever a command runs.
_SET_IN_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_COMMON_DIR"}
# Replacements would show another history than the one that is pushed; no command may wait for somebody to type.
_OURS = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
# Objects read at once: a ledger of any length is read in constant memory.
_BLOCK = 2000
# Seconds between attempts to move a reference that another process has locked and not moved yet.
_PAUSES = (0.0, 0.1, 0.4)


class Item(NamedTuple):
    """One line of a tree."""

    mode: str
    kind: str
    id: str
    name: str


class Git:
    """The repository that holds the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None) -> str:
        """What the command prints; raises `LedgerError` if it fails."""
        done = self.attempt(*command, given=given, more=more)
        if done.returncode:
            raise LedgerError(f"`git {command[0]}` failed in {self.root.resolve()}: {words(done)}")
        return done.stdout.decode()

    def attempt(
        self,
        *command: str,
        given: bytes = b"",
        more: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command, whether it fails or not; raises `LedgerError` where there is no git, or after `seconds`."""
        outside = {name: value for name, value in os.environ.items() if name not in _SET_IN_HOOKS}
        outside = {"GIT_TERMINAL_PROMPT": "0"} | outside | _OURS | dict(more or {})
        try:
            return subprocess.run(
                ["git", *command], cwd=self.root, env=outside, input=given, capture_output=True, timeout=seconds
            )
        except FileNotFoundError as error:
            raise LedgerError(
                f"The ledger is a git branch: expected the program git and the folder {self.root}, found no "
                f"{error.filename}. Install git, or run this in a clone of the repository."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise LedgerError(f"`git {command[0]}` had no answer in {seconds:.0f} s.") from error

    def resolve(self, name: str) -> str | None:
        """The commit that the reference `name` points to, None if there is no such reference."""
        done = self.attempt("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if done.returncode and (said := done.stderr.strip()):
            raise LedgerError(f"`git rev-parse {name}` failed in {self.root.resolve()}: {said.decode()}.")
        return done.stdout.decode().strip() or None

    def move(self, name: str, new: str, old: str | None) -> bool:
        """Point `name` to `new` if it still points to `old` (None: does not exist); False if it has moved."""
        for pause in _PAUSES:
            time.sleep(pause)
            done = self.attempt("update-ref", name, new, old or "0" * len(new))
            if done.returncode == 0:
                return True
            if self.resolve(name) != old:
                return False
        raise LedgerError(f"git cannot write {name} in {self.root.resolve()}: {words(done)}")

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or comes after it."""
        done = self.attempt("merge-base", "--is-ancestor", ancestor, commit)
        if done.returncode not in (0, 1):
            raise LedgerError(f"git cannot compare {ancestor} and {commit}: {words(done)}")
        return done.returncode == 0

    def tree(self, name: str) -> list[Item]:
        """The lines of the tree `name`, empty if there is no such tree."""
        done = self.attempt("ls-tree", "--full-tree", "-z", name)
        lines = done.stdout.decode(errors="replace").split("\0")[:-1]
        parts = (re.split("[ \t]", line, maxsplit=3) for line in lines)
        return [Item(mode, kind, blob, name) for mode, kind, blob, name in parts]

    def contents(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """The content of each object in order, None for one that does not exist."""
        wanted = list(names)
        for start in range(0, len(wanted), _BLOCK):
            yield from self._contents(wanted[start : start + _BLOCK])

    def _contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        done = self.attempt("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
        if done.returncode:
            raise LedgerError(f"`git cat-file` failed in {self.root.resolve()}: {words(done)}")
        answer, position = done.stdout, 0
        for _ in names:
            end = answer.index(b"\n", position)
            heading = answer[position:end].rsplit(b" ", 2)
            if heading[-1] == b"missing":
                position = end + 1
                yield None
            else:
                size = int(heading[-1])
                yield answer[end + 1 : end + 1 + size]
                position = end + size + 2


def words(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why a command failed, as git says it: the first line that is no progress, ended by a full stop."""
    said = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in said if line.startswith(("fatal:", "error:", "remote:", "!"))]
    line = next(iter(telling or said), f"exit code {done.returncode}")
    return line if line.endswith(".") else f"{line}."
