"""Read and write git's objects and references, without a checkout and without an index.

Empty output of git is an error; it never means that nothing exists.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.git import Git, name_command

# The advice where an answer is missing: what was asked may have been done, or be done later.
LOOK_FIRST = "Look at `slipway history ENV` before you retry."
# Objects read at once: a ledger of any length is read in constant memory.
_BLOCK = 2000
# Seconds between attempts to move a reference that another process has locked and not moved yet.
_PAUSES = (0.0, 0.1, 0.4)
_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Item(NamedTuple):
    """One line of a tree."""

    mode: str
    kind: str
    id: str
    name: str


class Move(NamedTuple):
    """A reference that is to point to `new` if it still points to `old` (None: if it does not exist)."""

    name: str
    new: str
    old: str | None


class Objects(Git):
    """The objects and references of the repository that `root` lies in; every method raises `LedgerError`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, LedgerError)

    def configuration(self) -> dict[str, str]:
        """Return git's settings by their lower-case names; of several values the last one, which is git's choice."""
        asked = "slipway.asked"
        given = self.run("-c", f"{asked}=yes", "config", "--list", "-z")
        pairs = [line.partition("\n")[::2] for line in given.split("\0")[:-1]]
        # A setting of the command comes last: nothing is missing before it.
        if not pairs or pairs[-1] != (asked, "yes"):
            raise self.unexpected("config", given)
        return dict(pairs)

    def is_shallow(self) -> bool:
        """Return whether the repository lacks old commits."""
        found = self.run("rev-parse", "--is-shallow-repository").strip()
        if found not in ("true", "false"):
            raise self.unexpected("rev-parse", found)
        return found == "true"

    def commit(self, name: str) -> str | None:
        """Return the commit that the reference `name` points to, None if there is no such reference."""
        found = self._list_references(f"{name[:-1]}[{name[-1]}]")
        return found[0] if found else None

    def references(self, folder: str) -> dict[str, str]:
        """Return the references below `folder` by their names, with the objects that they point to."""
        pattern = f"{folder}/*"
        # One process reads both: another may make a reference at any time.
        lines = self._list_references(pattern, "--symbolic-full-name", f"--glob={pattern}")
        half = len(lines) // 2
        if len(lines) % 2 or not all(map(_ID.fullmatch, lines[:half])) or any(map(_ID.fullmatch, lines[half:])):
            raise LedgerError(
                f"The references {pattern} in {self.root.resolve()} changed while they were read. Run this again."
            )
        return dict(zip(lines[half:], lines[:half], strict=True))

    def move(self, *moves: Move) -> bool:
        """Move references, all or none; return False if another process has moved the first one.

        What git answers is believed only where it names the commit of the change; else the reference is looked at.
        """
        name = moves[0].name
        lines = (f"update {move.name} {move.new} {move.old or '0' * len(move.new)}" for move in moves)
        given = "\n".join(["start", *lines, "prepare", "commit", ""]).encode()
        refusal = ""
        for pause in _PAUSES:
            time.sleep(pause)
            try:
                done = self.attempt("update-ref", "--stdin", given=given)
                if done.exit_code == 0 and not done.output.endswith(b"commit: ok\n"):
                    raise self.unexpected("update-ref", done.output)
            except LedgerError as error:
                if (moved := self._moved(moves[0])) is not None:
                    return moved
                raise LedgerError(f"It is not known whether {name} was written: {error} {LOOK_FIRST}") from error
            if done.exit_code == 0:
                return True
            if (moved := self._moved(moves[0])) is not None:
                return moved
            refusal = done.reason
        raise LedgerError(f"git cannot write {name} in {self.root.resolve()}: {refusal}")

    def tree(self, name: str, *path: str) -> list[Item]:
        """Return the lines of the tree `name`, or of the folder `path` below it, empty if there is no such folder."""
        found = _read_tree(*self._object(name, "tree"))
        for step in path:
            item = next((item for item in found if item.name == step), None)
            found = _read_tree(*self._object(item.id, "tree")) if item else []
        return found

    def write_blob(self, content: bytes) -> str:
        """Write a file to the store and return its id; no filter or line ending of the repository applies."""
        return self.write_object("hash-object", "-w", "--stdin", given=content)

    def write_tree(self, items: Iterable[Item]) -> str:
        """Write a folder to the store and return its id."""
        lines = (f"{item.mode} {item.kind} {item.id}\t{item.name}\0" for item in items)
        return self.write_object("mktree", "-z", given="".join(lines).encode(errors="surrogateescape"))

    def write_object(self, *command: str, given: bytes, variables: Mapping[str, str] | None = None) -> str:
        """Run a command that writes an object and return the id that it prints."""
        found = self.run(*command, given=given, variables=variables).strip()
        if _ID.fullmatch(found) is None:
            raise self.unexpected(name_command(command), found)
        return found

    def contents(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the content of each object in order, None for one that does not exist."""
        wanted = list(names)
        for start in range(0, len(wanted), _BLOCK):
            for found in self._objects(wanted[start : start + _BLOCK]):
                yield found.content if found else None

    def _object(self, name: str, kind: str) -> tuple[bytes, int]:
        """Return the content of an object that must be there, and the number of bytes of an id."""
        (found,) = self._objects([f"{name}^{{{kind}}}"])
        if found is None:
            raise LedgerError(
                f"Expected the {kind} of {name} in {self.root.resolve()}, found that it is missing. `git fsck` lists "
                "everything that is missing; make a new clone."
            )
        return found.content, len(found.id) // 2

    def _moved(self, move: Move) -> bool | None:
        """Return whether a reference has moved to the new commit or past it, None if it is where it was."""
        now = self.commit(move.name)
        if now == move.old:
            return None
        return now is not None and self.descends(now, move.new)

    def _list_references(self, pattern: str, *more: str) -> list[str]:
        """Return what rev-parse prints for references; the git folder before and after them shows that it is all."""
        done = self.attempt("rev-parse", "--git-dir", f"--glob={pattern}", *more, "--git-dir")
        lines = done.output.decode(errors="surrogateescape").splitlines()
        if done.exit_code or done.stderr:
            raise self.error(f"rev-parse --glob={pattern}", done)
        if len(lines) < 2 or lines[0] != lines[-1]:
            raise self.unexpected("rev-parse", done.output)
        if broken := [line for line in lines[1:-1] if line.strip("0") == ""]:
            raise LedgerError(f"git cannot read {pattern} in {self.root.resolve()}: it holds {broken[0]}.")
        return lines[1:-1]

    def _objects(self, names: Sequence[str]) -> Iterator["_Object | None"]:
        done = self.attempt("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
        if done.exit_code:
            raise self.error("cat-file", done)
        answer, position = done.output, 0
        for name in names:
            end = answer.find(b"\n", position)
            heading = answer[position : max(end, position)].decode(errors="surrogateescape")
            if heading == f"{name} missing":
                position = end + 1
                yield None
                continue
            match = _HEADING.fullmatch(heading)
            begin = end + 1
            position = begin + int(match["size"]) + 1 if match else 0
            if match is None or answer[position - 1 : position] != b"\n":
                raise self.unexpected("cat-file", answer)
            yield _Object(match["id"], answer[begin : position - 1])


class _Object(NamedTuple):
    id: str
    content: bytes


_HEADING = re.compile(r"(?P<id>[0-9a-f]+) (?P<kind>\w+) (?P<size>\d+)")


def _read_tree(content: bytes, size: int) -> list[Item]:
    """Read the content of a tree whose ids have `size` bytes."""
    found, position = [], 0
    while position < len(content):
        end = content.index(b"\0", position)
        mode, _, name = content[position:end].decode(errors="surrogateescape").partition(" ")
        position = end + 1 + size
        kind = {"40000": "tree", "160000": "commit"}.get(mode, "blob")
        found.append(Item(mode.zfill(6), kind, content[end + 1 : position].hex(), name))
    return found
