"""The open connections of a worker, which granian holds: counted in the table of open files, from outside of it."""

import fcntl
import os
import socket
import stat
import struct
import termios
from contextlib import suppress
from pathlib import Path

_FILES = Path("/proc/self/fd")
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
# Open files from which below the limit every one is looked at.
_NEAR = 64
# Where the number of bytes that ever came stands in the kernel's tcp_info (Linux 4.1; `tcpi_bytes_received`).
_RECEIVED = struct.Struct("=128xQ")


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

    def find_unread(self) -> tuple[int, socket.socket] | None:
        """Return a connection of whose request nothing was read yet, with its number in the system."""
        for name, file in _sockets().items():
            if name in self._others or not _waiting_bytes(file):
                continue
            copy = _copy(file)
            if copy is not None and _is_unread(copy):
                return name, copy
        return None


def _list_files() -> list[int]:
    return [int(each.name) for each in _FILES.iterdir()] if _FILES.is_dir() else []


def _sockets() -> dict[int, int]:
    """Return the number of each open socket in the system, and in this process.

    Those in the system come from the processors in turn: a later socket may have a smaller one.
    """
    found = {}
    for file in _list_files():
        with suppress(OSError):
            seen = os.fstat(file)
            if stat.S_ISSOCK(seen.st_mode):
                found[seen.st_ino] = file
    return found


def _waiting_bytes(file: int) -> int:
    """Return how many bytes came and were not read; 0 where that cannot be asked."""
    try:
        return int(struct.unpack("=i", fcntl.ioctl(file, termios.FIONREAD, bytes(4)))[0])
    except OSError:
        return 0


def _is_unread(connection: socket.socket) -> bool:
    """Return True if all bytes that ever came still wait; the end of the stream counts as one."""
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
        return _waiting_bytes(connection.fileno()) >= _RECEIVED.unpack(told)[0] - 1
    except (OSError, struct.error):
        return False


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
