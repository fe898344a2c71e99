"""Read the log: all of it in the order of time, or new entries as they are written."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

import msgspec

from slipway.serving.log.record import Batch, Entry, Feedback, Prediction, Shadow
from slipway.serving.log.segments import SUFFIX, list_segments

# Of every line that the log may hold.
DECODER = msgspec.json.Decoder(Prediction | Batch | Feedback | Shadow)
# What a line that the service did not write may raise.
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError)
# Bytes of a line; one of a service is as long as the body that it answered, 100 MB at most, with the scores.
LONGEST = 256 << 20
_POLL_SECONDS = 0.2
# Before every entry: a file without any is read first.
_EARLIEST = datetime.min.replace(tzinfo=UTC)
Ends = dict[Path, int]


class Damage:
    """Counts what is passed by.

    `lines` are malformed or of others, usually the incomplete last line of a process that was killed; `files`
    cannot be read, such as a folder or a FIFO with the name of a file of the log.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.files = 0


def read_log(folder: Path, damage: Damage | None = None, ends: Ends | None = None) -> Iterator[Entry]:
    """Yield every entry of the log in the order of time, with a few lines of each file in memory.

    A file is open only while the entries around its own are read. `ends` is filled with the position after the last
    complete line of each file, from which `follow_log` continues.
    """
    counted, positions = damage or Damage(), {} if ends is None else ends
    waiting = deque(sorted((_start(path), path) for path in list_log_files(folder, counted)))
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


def list_log_files(folder: Path, damage: Damage) -> list[Path]:
    """List the files of a log, and count folders, pipes and the like that are named as one.

    Raises `OSError` for a folder that cannot be read, which a glob takes for an empty one.
    """
    found = [*folder.iterdir()] if folder.exists() else []
    damage.files += sum(1 for path in found if path.suffix == SUFFIX and not path.is_file())
    return list_segments(folder)


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
            while line := lines.readline(LONGEST):
                position += len(line)
                if not line.endswith(b"\n"):
                    damage.lines += 1
                    if len(line) < LONGEST:
                        # The rest may come later.
                        return
                    position += _skip_line(lines)
                elif line.strip():
                    ends[path] = position
                    yield line
    except FileNotFoundError:
        # The writer deleted it, past its days.
        return
    except OSError:
        damage.files += 1


def _skip_line(lines: BinaryIO) -> int:
    """Read on to the end of a line that is longer than any of a service; return the number of its bytes."""
    skipped = 0
    while part := lines.readline(LONGEST):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _decode(line: bytes, damage: Damage) -> Iterator[Entry]:
    try:
        record = DECODER.decode(line)
        # The service never writes a time without a zone; entries could not be put in order.
        if record.time.tzinfo is None:
            damage.lines += 1
            return
        entries = [*record.predictions()] if isinstance(record, Batch) else [record]
    except MALFORMED:
        damage.lines += 1
        return
    yield from entries
