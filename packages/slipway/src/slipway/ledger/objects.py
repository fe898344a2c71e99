"""Read and write git's objects and references, without a checkout and without an index."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from slipway.errors import LedgerError
from slipway.git import Git

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


class Objects(Git):
    """The objects and references of the repository that `root` lies in; every method raises `LedgerError`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, LedgerError)

    def commit(self, name: str) -> str | None:
        """Return the commit that the reference `name` points to, None if there is no such reference."""
        return self.resolve(f"{name}^{{commit}}")

    def move(self, name: str, new: str, old: str | None) -> bool:
        """Point `name` to `new` if it still points to `old` (None: does not exist); return False if it has moved."""
        for pause in _PAUSES:
            time.sleep(pause)
            done = self.attempt("update-ref", name, new, old or "0" * len(new))
            if done.exit_code == 0:
                return True
            if self.commit(name) != old:
                return False
        raise LedgerError(f"git cannot write {name} in {self.root.resolve()}: {done.reason}")

    def tree(self, name: str) -> list[Item]:
        """Return the lines of the tree `name`, empty if there is no such tree."""
        done = self.attempt("ls-tree", "--full-tree", "-z", name)
        if done.exit_code and self.resolve(name):
            raise self.error(f"ls-tree {name}", done)
        lines = done.output.decode(errors="replace").split("\0")[:-1]
        parts = (re.split("[ \t]", line, maxsplit=3) for line in lines)
        return [Item(mode, kind, blob, name) for mode, kind, blob, name in parts]

    def write_blob(self, content: bytes) -> str:
        """Write a file to the store and return its id; no filter or line ending of the repository applies."""
        return self.run("hash-object", "-w", "--stdin", given=content).strip()

    def write_tree(self, items: Iterable[Item]) -> str:
        """Write a folder to the store and return its id."""
        lines = (f"{item.mode} {item.kind} {item.id}\t{item.name}\0" for item in items)
        return self.run("mktree", "-z", given="".join(lines).encode()).strip()

    def contents(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the content of each object in order, None for one that does not exist."""
        wanted = list(names)
        for start in range(0, len(wanted), _BLOCK):
            yield from self._contents(wanted[start : start + _BLOCK])

    def _contents(self, names: Sequence[str]) -> Iterator[bytes | None]:
        done = self.attempt("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode())
        if done.exit_code:
            raise self.error("cat-file", done)
        answer, position = done.output, 0
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
