"""One lock: a file that one process at a time holds, and that the system releases when the process ends."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from slipway.errors import LockError

_LOOK_SECONDS = 0.1


@contextmanager
def hold_lock(path: Path, wait: Callable[[], None] = lambda: None, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock file `path`; while another process holds it, call `wait` once and wait.

    Raises `LockError` after `seconds` (None: never), and where the file cannot be written.
    """
    with _open(path) as file:
        if not _take(file):
            wait()
            _wait(file, path, seconds)
        yield


def _open(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        raise LockError(
            f"Cannot write the lock file {path}: {error.strerror}. Expected a folder {path.parent} that this user (uid "
            f"{os.getuid()}) may write."
        ) from error


def _take(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(file: BinaryIO, path: Path, seconds: float | None) -> None:
    if seconds is None:
        fcntl.flock(file, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + seconds
    while not _take(file):
        if time.monotonic() > deadline:
            raise LockError(
                f"Another command has held the lock {path} for {seconds:g} s. Wait for it to end, or end it if it "
                "hangs, then retry."
            )
        time.sleep(_LOOK_SECONDS)
