"""Append to the log: one write per line, complete or not at all, to a file that only this process writes."""

import errno
import os
import threading
import time

from slipway.serving.console import print_line
from slipway.serving.log.recent import RecentLines
from slipway.serving.log.segments import create_segment, new_segment_path
from slipway.serving.settings import LogSettings

_MEGABYTE = 1 << 20
_HOUR = 3600.0


class LogWriter:
    """The log of one worker: segments, files that are closed when they are large or old.

    A line that cannot be written completely is removed, so that a full disk leaves no partial line in the middle. Lines
    of a file that is deleted or truncated while it is open are written again.
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
        self._recent = RecentLines()
        # Lines that a truncation took away and that are not written again yet.
        self._lost: list[bytes] = []
        # A successful sync proves nothing about a line that did not fit, and the reverse.
        self._write_failed = False
        self._sync_failed = False
        self.error = ""

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
            try:
                self._sync_again()
                self._verify_file()
                self._write(line)
                self._dirty = True
                if self._settings.log_durability == "always":
                    try:
                        self._sync()
                    except OSError:
                        os.ftruncate(self._segment(), self._size)
                        raise
            except OSError as error:
                self.error = error.strerror or str(error)
                raise
            self._keep(line)
            self._write_failed = False

    def probe(self) -> bool:
        """Test if the log can be written; after a failure, if the line that failed would fit now."""
        try:
            self.check()
        except OSError as error:
            self.error = error.strerror or str(error)
            return False
        return True

    def check(self) -> None:
        """Raise `OSError` where `probe` returns False."""
        with self._lock:
            self._verify_file()
            if self.failing or self._file is None:
                self._sync_again()
                self._write(b"\n" * self._probe_size)
                os.ftruncate(self._segment(), self._size)
                self._write_failed = False

    def rotate(self) -> None:
        """Close a segment that is old or was moved."""
        with self._lock:
            old = time.time() - self._born >= self._settings.log_segment_hours * _HOUR
            if self._file is not None:
                self._verify_file()
                if old or self._is_moved():
                    self._close()

    def verify(self) -> None:
        """Write lines again that another program took away since the last look; raises `OSError`."""
        with self._lock:
            self._verify_file()

    def sync(self) -> None:
        """Sync what was written to the disk; raises `OSError`, after which the log counts as failing."""
        with self._lock:
            self._verify_file()
            if self._dirty and self._file is not None:
                self._sync()

    def close(self) -> None:
        """Sync everything to the disk and close the segment; print a line where that fails."""
        with self._lock:
            try:
                self._verify_file()
            except OSError as error:
                self._print_lost(error)
            try:
                self._close()
            except OSError as error:
                self._print_lost(error)

    def _print_lost(self, error: OSError) -> None:
        print_line(
            f"the end of the prediction log in {self._settings.log} may be lost: it was deleted, truncated or not "
            f"synced to the disk, and cannot be written again: {error.strerror or error}"
        )

    def _verify_file(self) -> None:
        if self._file is None:
            return
        seen = os.fstat(self._file)
        if seen.st_nlink == 0:
            self._restore_deleted()
        elif seen.st_size < self._size:
            self._restore_truncated(seen.st_size)
        else:
            self._size = seen.st_size
        self._write_lost()

    def _restore_deleted(self) -> None:
        """Copy the lines of a deleted file, which this process still has open, to a new one of the same name."""
        old = self._file or 0
        path = self._path if not self._path.exists() else new_segment_path(self._settings.log)
        new = create_segment(path)
        try:
            for start in range(0, self._size, _MEGABYTE):
                part = os.pread(old, min(_MEGABYTE, self._size - start), start)
                if os.write(new, part) != len(part):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        except OSError:
            os.close(new)
            path.unlink(missing_ok=True)
            raise
        self._file, self._path, self._dirty = new, path, True
        os.close(old)
        print_line(f"{path} was deleted while it was written; its lines were written again")

    def _restore_truncated(self, size: int) -> None:
        """Write recent lines again: a program that copied the file before it truncated it may have missed them."""
        lost = self._recent.take_after(size) + self._lost
        print_line(f"{self._path} was truncated while it was written; its last {len(lost)} lines are written again")
        within = size > 0 and os.pread(self._file or 0, 1, size - 1) != b"\n"
        # What is left of a line must not swallow the next one.
        self._lost, self._size = [b"\n", *lost] if within else lost, size

    def _write_lost(self) -> None:
        while self._lost:
            line = self._lost[0]
            self._write(line)
            self._keep(line)
            self._dirty = True
            del self._lost[0]

    def _keep(self, line: bytes) -> None:
        self._size += len(line)
        self._recent.add(line, self._size)

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
            self._path = new_segment_path(self._settings.log)
            self._file = create_segment(self._path)
            self._size, self._born = 0, time.time()
            self._recent.forget()
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

    def _is_moved(self) -> bool:
        try:
            return self._path.stat().st_ino != os.fstat(self._file or 0).st_ino
        except FileNotFoundError:
            return True
