"""Read the log: all of it in the order of time, or new entries as they are written."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec

from slipway.serving.log.record import Batch, Entry, Feedback, Prediction, Shadow
from slipway.serving.log.segments import list_segments

# Of every line that the log may hold.
DECODER = msgspec.json.Decoder(Prediction | Batch | Feedback | Shadow)
_POLL_SECONDS = 0.2
# Before every entry: a file without any is read first.
_EARLIEST = datetime.min.replace(tzinfo=UTC)
Ends = dict[Path, int]


class Damage:
    """Counts malformed lines: usually the incomplete last line of a process that was killed."""

    def __init__(self) -> None:
        self.lines = 0


def read_log(folder: Path, damage: Damage | None = None, ends: Ends | None = None) -> Iterator[Entry]:
    """Yield every entry of the log in the order of time, with a few lines of each file in memory.

    A file is open only while the entries around its own are read. `ends` is filled with the position after the last
    complete line of each file, from which `follow_log` continues.
    """
    counted, positions = damage or Damage(), {} if ends is None else ends
    waiting = deque(sorted((_start(path), path) for path in list_segments(folder)))
    # With a number of its file, so that no two entries are compared.
    going: list[tuple[datetime, int, Entry, Iterator[Entry]]] = []
    number = count()
    while waiting or going:
        if waiting and (not going or waiting[0][0] <= going[0][0]):
            file_number, entries = next(number), _entries(waiting.popleft()[1], counted, positions)
        else:
            _, file_number, entry, entries = heapq.heappop(going)
            yield entry
        for following in entries:
            heapq.heappush(going, (following.time, file_number, following, entries))
            break


def follow_log(folder: Path, ends: Ends, stop: Callable[[], bool] = lambda: False) -> Iterator[Entry]:
    """Yield what is appended after `ends` until `stop` returns True; new files are followed from their start."""
    while not stop():
        found = [entry for path in list_segments(folder) for entry in _entries(path, Damage(), ends)]
        yield from sorted(found, key=lambda entry: entry.time)
        if not found:
            time.sleep(_POLL_SECONDS)


def _start(path: Path) -> datetime:
    """Return when the first entry of a file was written."""
    return next((entry.time for entry in _entries(path, Damage(), {})), _EARLIEST)


def _entries(path: Path, damage: Damage, ends: Ends) -> Iterator[Entry]:
    """Yield the entries of the complete lines after `ends[path]`, which moves along."""
    for line in read_lines(path, damage, ends):
        yield from _decode(line, damage)


def read_lines(path: Path, damage: Damage, ends: Ends) -> Iterator[bytes]:
    """Yield the complete lines of one file after `ends[path]`, which moves along.

    Empty lines do not move it: the service writes some as a test, and removes them.
    """
    position = ends.setdefault(path, 0)
    try:
        with path.open("rb") as lines:
            lines.seek(position)
            for line in lines:
                position += len(line)
                if not line.endswith(b"\n"):
                    # The rest may come later.
                    damage.lines += 1
                    return
                if line.strip():
                    ends[path] = position
                    yield line
    except FileNotFoundError:
        # The writer deleted it, past its days.
        return


def _decode(line: bytes, damage: Damage) -> Iterator[Entry]:
    try:
        record = DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        damage.lines += 1
        return
    if isinstance(record, Batch):
        yield from record.predictions()
    else:
        yield record
