"""The files of the log: how they are named, and which of them no process writes any more."""

import errno
import fcntl
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

SUFFIX = ".jsonl"
_OWN = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}\.jsonl")
# What a file system without locks answers.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def list_segments(folder: Path) -> list[Path]:
    """List the files of the log, oldest first, and other files with the same suffix."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def is_own_segment(path: Path) -> bool:
    """Return True for a file that is named as the service names them."""
    return _OWN.fullmatch(path.name) is not None


def new_segment_path(folder: Path) -> Path:
    """Name the next file; replicas may share the folder, and their process ids repeat: random bits differ."""
    return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.urandom(4).hex()}{SUFFIX}"


def create_segment(path: Path) -> int:
    """Create a file, and its folder if that is missing, and lock it for as long as it is open; raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    # Not every file system has locks; without them, only the newest file of a worker is in danger.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file


def delete_segment(path: Path) -> bool:
    """Delete a file unless a process writes it; return False for one that stays. Raises `OSError`."""
    try:
        file = _open_to_lock(path)
    except FileNotFoundError:
        # Another worker deleted it at the same time.
        return True
    try:
        _lock(file)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _open_to_lock(path: Path) -> int:
    """Open a file for writing, which NFS asks for before it locks; of another user, for reading alone."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
