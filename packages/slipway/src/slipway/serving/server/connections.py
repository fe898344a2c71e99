"""The open connections of a worker, which granian holds: counted in the table of open files, from outside of it."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

_FILES = Path("/proc/self/fd")
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
# Open files from which below the limit every one is looked at.
_NEAR = 64


class Connections:
    """The listening sockets and connections of this process; empty where the system does not show open files."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.listeners: list[socket.socket] = []
        self._others: set[int] = set()
        self._files = 0

    def find_listeners(self) -> bool:
        """Find the listening sockets, which granian opens; False for none yet."""
        known: set[int] = set()
        for name, file in _sockets().items():
            copy = _copy(file)
            if copy is None or copy.family not in _FAMILIES:
                self._others.add(name)
            elif copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self._others.add(name)
                # granian has several numbers for the same socket.
                if name not in known:
                    known.add(name)
                    self.listeners.append(copy)
        self._files = len(_list_files())
        return bool(self.listeners)

    def count(self, without: int = 0) -> int:
        """Count the open connections, exactly where they are many; `without` some that are not granian's."""
        found = max(0, len(_list_files()) - self._files)
        return len(_sockets().keys() - self._others) - without if found > self.limit - _NEAR else found

    def newest(self) -> tuple[int, socket.socket] | None:
        """Return the connection that was accepted last, with its number in the system."""
        found = {name: file for name, file in _sockets().items() if name not in self._others}
        if not found:
            return None
        name = max(found)
        copy = _copy(found[name])
        return (name, copy) if copy else None


def _list_files() -> list[int]:
    return [int(each.name) for each in _FILES.iterdir()] if _FILES.is_dir() else []


def _sockets() -> dict[int, int]:
    """Return the number of each open socket: in the system, where later ones have larger ones, and in this process."""
    found = {}
    for file in _list_files():
        with suppress(OSError):
            seen = os.fstat(file)
            if stat.S_ISSOCK(seen.st_mode):
                found[seen.st_ino] = file
    return found


def _copy(file: int) -> socket.socket | None:
    """Return a socket of its own for an open file; None if it was closed meanwhile."""
    try:
        number = os.dup(file)
    except OSError:
        return None
    try:
        return socket.socket(fileno=number)
    except OSError:
        os.close(number)
        return None
