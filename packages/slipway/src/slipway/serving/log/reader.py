"""Read the log: all of it in the order of time, or new entries as they are written."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec

from slipway.serving.log.record import Batch, Feedback, Prediction, Record
from slipway.serving.log.writer import list_segments

Entry = Prediction | Feedback
_DECODER = msgspec.json.Decoder(Record)
_POLL_SECONDS = 0.2


class Damage:
    """Counts malformed lines: usually the incomplete last line of a process that was killed."""

    def __init__(self) -> None:
        self.lines = 0


Ends = dict[Path, int]
# Before every entry: a file without any is read first.
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def read_log(folder: Path, damage: Damage | None = None, ends: Ends | None = None) -> Iterator[Entry]:
    """Yield every prediction and feedback of the log in the order of time, with a few lines of each file in memory.

    A file is open only while the entries around its own are read. `ends` is filled with the position after the last
    complete line of each file, from which `follow_log` continues.
    """
    counted, positions = damage or Damage(), {} if ends is None else ends
    waiting = deque(sorted((_start(path), path) for path in list_segments(folder)))
    going: list[tuple[datetime, int, Entry, Iterator[Entry]]] = []
    number = count()
    while waiting or going:
        while waiting and (not going or waiting[0][0] <= going[0][0]):
            _go_on(going, next(number), _entries(waiting.popleft()[1], counted, positions))
        if going:
            _, place, entry, entries = heapq.heappop(going)
            yield entry
            _go_on(going, place, entries)


def follow_log(folder: Path, ends: Ends, stop: Callable[[], bool] = lambda: False) -> Iterator[Entry]:
    """Yield what is appended after `ends` until `stop` returns True; new files are followed from their start."""
    while not stop():
        found = []
        for path in list_segments(folder):
            records, ends[path] = _new(path, ends.get(path, 0))
            found += records
        yield from sorted(found, key=lambda entry: entry.time)
        if not found:
            time.sleep(_POLL_SECONDS)


def _go_on(going: list[tuple[datetime, int, Entry, Iterator[Entry]]], place: int, entries: Iterator[Entry]) -> None:
    entry = next(entries, None)
    if entry is not None:
        heapq.heappush(going, (entry.time, place, entry, entries))


def _start(path: Path) -> datetime:
    """Return when the first entry of a file was written."""
    first = next(_entries(path, Damage(), {}), None)
    return first.time if first else _EARLIEST


def _entries(path: Path, damage: Damage, ends: Ends) -> Iterator[Entry]:
    position = ends[path] = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                position += len(line)
                if not line.endswith(b"\n"):
                    damage.lines += 1
                elif line.strip():
                    ends[path] = position
                    yield from _decode(line, damage)
    except FileNotFoundError:
        # The writer deleted it, past its days.
        return


def _new(path: Path, position: int) -> tuple[list[Entry], int]:
    """Return the entries of the complete lines after `position`, and where these lines end.

    Empty lines at the end do not count: the service writes some as a test, and removes them.
    """
    try:
        with path.open("rb") as file:
            file.seek(position)
            content = file.read()
    except FileNotFoundError:
        return [], position
    whole = content[: content.rfind(b"\n") + 1].rstrip(b"\n")
    end = position + len(whole) + 1 if whole else position
    damage = Damage()
    return [entry for line in whole.splitlines() for entry in _decode(line, damage)], end


def _decode(line: bytes, damage: Damage) -> Iterator[Entry]:
    if not line.strip():
        return
    try:
        record = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        damage.lines += 1
        return
    if isinstance(record, Batch):
        yield from record.predictions()
    else:
        yield record
