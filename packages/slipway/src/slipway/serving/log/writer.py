"""Append to the log: one write per line, complete or not at all, to a file that only this process writes."""

import errno
import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from slipway.serving.settings import LogSettings

_MEGABYTE = 1 << 20
_HOUR = 3600.0
_DAY = 86_400.0
SUFFIX = ".jsonl"


class LogWriter:
    """The log of one worker: segments, files that are closed when they are large or old, and deleted after their days.

    A line that cannot be written completely is removed, so that a full disk leaves no partial line in the middle.
    """

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._file: int | None = None
        self._path = settings.log
        self._size = 0
        self._probe_size = 1
        self._born = 0.0
        self._dirty = False
        # A successful sync proves nothing about a line that did not fit, and the reverse.
        self._write_failed = False
        self._sync_failed = False

    @property
    def failing(self) -> bool:
        """True if the last line, or the last sync, did not reach the disk."""
        return self._write_failed or self._sync_failed

    def append(self, line: bytes) -> None:
        """Write `line`, which ends in a newline; raises `OSError` if it is not in the log.

        After a failed sync every line is refused until a sync succeeds: the disk may have lost lines.
        """
        with self._lock:
            self._write_failed = True
            self._probe_size = len(line)
            self._sync_again()
            self._write(line)
            self._dirty = True
            if self._settings.log_durability == "always":
                try:
                    self._sync()
                except OSError:
                    os.ftruncate(self._segment(), self._size)
                    raise
            self._size += len(line)
            self._write_failed = False

    def probe(self) -> bool:
        """Test if the log can be written; after a failure, if the line that failed would fit now."""
        try:
            self.check()
        except OSError:
            return False
        return True

    def check(self) -> None:
        """Raise `OSError` where `probe` returns False."""
        if self.failing or self._file is None:
            with self._lock:
                self._sync_again()
                self._write(b"\n" * self._probe_size)
                os.ftruncate(self._segment(), self._size)
                self._write_failed = False

    def rotate(self) -> None:
        """Close a segment that is old or was removed, and delete segments past their days."""
        with self._lock:
            old = time.time() - self._born >= self._settings.log_segment_hours * _HOUR
            if self._file is not None and (old or self._is_gone()):
                self._close()
        oldest = time.time() - self._settings.log_days * _DAY
        for path in list_segments(self._settings.log):
            # Another worker may delete it at the same time.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def sync(self) -> None:
        """Sync what was written to the disk; raises `OSError`, after which the log counts as failing."""
        with self._lock:
            if self._dirty and self._file is not None:
                self._sync()

    def close(self) -> None:
        """Sync everything to the disk and close the segment."""
        with self._lock:
            self._close()

    def _write(self, content: bytes) -> None:
        file = self._segment()
        written = os.write(file, content)
        if written != len(content):
            os.ftruncate(file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def _segment(self) -> int:
        if self._file is not None and self._size >= self._settings.log_segment_mb * _MEGABYTE:
            self._close()
        if self._file is None:
            folder = self._settings.log
            folder.mkdir(parents=True, exist_ok=True)
            # Replicas may share the folder, and their process ids repeat: random bits keep the names apart.
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.urandom(4).hex()}{SUFFIX}"
            self._path = folder / name
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            self._size, self._born = 0, time.time()
        return self._file

    def _sync(self) -> None:
        if self._file is not None:
            self._sync_failed = True
            os.fsync(self._file)
            self._sync_failed = self._dirty = False

    def _sync_again(self) -> None:
        if self._sync_failed:
            self._segment()
            self._sync()

    def _close(self) -> None:
        if self._file is not None:
            try:
                if self._dirty and self._settings.log_durability != "never":
                    self._sync()
            finally:
                os.close(self._file)
                self._file = None

    def _is_gone(self) -> bool:
        try:
            return self._path.stat().st_ino != os.fstat(self._file or 0).st_ino
        except FileNotFoundError:
            return True


def list_segments(folder: Path) -> list[Path]:
    """List the segments of the log, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
