"""Delete files of the log past their days, and the oldest above the size that all may have.

Nothing is deleted by one look at the clock: it may have jumped. The file `.retention` in the folder says since when
looks at the clock have followed each other without a jump; files are deleted once that is a day.
"""

import time
from contextlib import suppress

import msgspec

from slipway.serving.log.segments import delete_segment, is_own_segment, list_segments
from slipway.serving.settings import LogSettings

_NAME = ".retention"
_DAY, _HOUR, _MINUTE = 86_400.0, 3600.0, 60.0
_MEGABYTE = 1 << 20


class ClockSpan(msgspec.Struct, frozen=True):
    """The first and the last of looks at the clock that followed each other, in seconds since the epoch."""

    since: float
    last: float


class Retention:
    """Retention of one folder; several processes may look after the same one."""

    def __init__(self, settings: LogSettings) -> None:
        self._folder = settings.log
        self._seconds = settings.log_days * _DAY
        self._bytes = settings.log_total_mb * _MEGABYTE
        self._span: ClockSpan | None = None

    def clean(self) -> list[str]:
        """Delete files that are too old or above the total size; return a sentence for each that cannot be deleted."""
        now = time.time()
        found = {}
        for path in filter(is_own_segment, list_segments(self._folder)):
            # Another worker may delete it meanwhile.
            with suppress(FileNotFoundError):
                found[path] = path.stat()
        trusted = self._trusts_clock(now, max((stat.st_mtime for stat in found.values()), default=now))
        total, failures = sum(stat.st_size for stat in found.values()), []
        for path, stat in found.items():
            if (trusted and stat.st_mtime < now - self._seconds) or total > self._bytes:
                try:
                    total -= stat.st_size if delete_segment(path) else 0
                except OSError as error:
                    failures.append(
                        f"cannot delete {path}, past SLIPWAY_LOG_DAYS or above SLIPWAY_LOG_TOTAL_MB: {error.strerror}"
                    )
        return failures

    def _trusts_clock(self, now: float, newest: float) -> bool:
        before = self._read()
        if before is None:
            # The first look: a log that was written today agrees with the clock.
            self._span = ClockSpan(now - _DAY if abs(now - newest) < _DAY else now, now)
        elif -_HOUR <= now - before.last <= _DAY:
            self._span = ClockSpan(before.since, now)
        else:
            self._span = ClockSpan(now, now)
        if before is None or self._span.since != before.since or now - before.last > _MINUTE:
            # On a full disk this process alone remembers it.
            with suppress(OSError):
                (self._folder / _NAME).write_bytes(msgspec.json.encode(self._span))
        return now - self._span.since >= _DAY

    def _read(self) -> ClockSpan | None:
        try:
            return msgspec.json.decode((self._folder / _NAME).read_bytes(), type=ClockSpan)
        except (OSError, msgspec.DecodeError):
            return self._span
