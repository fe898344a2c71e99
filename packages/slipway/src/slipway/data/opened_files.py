"""Find the files of a folder that a block of code does not open, from inotify events (Linux)."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_IN_OPEN, _IN_Q_OVERFLOW = 0x20, 0x4000
_HEADER = struct.Struct("iIII")
# The kernel keeps as many events, and allows at least as many watches.
_MOST_FILES = 8192


class Unopened:
    """The files that were not opened yet; empty where the kernel cannot tell."""

    def __init__(self, descriptor: int | None, watched: dict[int, list[Path]]) -> None:
        self._descriptor = descriptor
        self._watched = watched
        self._opened = False

    def list_files(self) -> list[Path]:
        """Return the files, sorted; none if no file at all was opened: then the reader has them from elsewhere."""
        if self._descriptor is None:
            return []
        before = len(self._watched)
        for watch, mask in _read_events(self._descriptor):
            if mask & _IN_Q_OVERFLOW:
                return []
            self._watched.pop(watch, None)
        self._opened = self._opened or len(self._watched) < before
        return sorted(path for paths in self._watched.values() for path in paths) if self._opened else []


@contextmanager
def watch_files(folder: Path) -> Iterator[Unopened]:
    """Watch the files below `folder` but those that a name with a leading dot or underscore hides.

    Links are followed: opening any name of a file's content counts.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder))]
    descriptor, watched = _start(files) if sys.platform == "linux" and len(files) <= _MOST_FILES else (None, {})
    try:
        yield Unopened(descriptor, watched)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _start(files: list[Path]) -> tuple[int | None, dict[int, list[Path]]]:
    libc = ctypes.CDLL(None)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None, {}
    watched: dict[int, list[Path]] = {}
    for path in files:
        watch = libc.inotify_add_watch(descriptor, os.fsencode(path.resolve()), _IN_OPEN)
        if watch < 0:
            os.close(descriptor)
            return None, {}
        watched.setdefault(watch, []).append(path)
    return descriptor, watched


def _read_events(descriptor: int) -> Iterator[tuple[int, int]]:
    while True:
        try:
            content = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        place = 0
        while place < len(content):
            watch, mask, _, length = _HEADER.unpack_from(content, place)
            yield watch, mask
            place += _HEADER.size + length
