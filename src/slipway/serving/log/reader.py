"""Read the log: all of it in the order of time, or what comes as it comes."""

import heapq
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from slipway.serving.log.record import Batch, Feedback, Prediction, Record
from slipway.serving.log.writer import segments

Entry = Prediction | Feedback
_DECODER = msgspec.json.Decoder(Record)
_POLL_SECONDS = 0.2


class Damage:
    """Counts lines that are no record: usually the torn last line of a process that was killed."""

    def __init__(self) -> None:
        self.lines = 0


def read(folder: Path, damage: Damage | None = None) -> Iterator[Entry]:
    """Every prediction and feedback of the log in the order of time, in memory of a few lines for each file."""
    counted = damage or Damage()
    return heapq.merge(*(_entries(path, counted) for path in segments(folder)), key=lambda entry: entry.time)


def follow(folder: Path, stop: Callable[[], bool] = lambda: False) -> Iterator[Entry]:
    """What is appended from now on, until `stop` says so; files that appear later are followed too."""
    positions = {path: path.stat().st_size for path in segments(folder)}
    while not stop():
        found = []
        for path in segments(folder):
            records, positions[path] = _new(path, positions.get(path, 0))
            found += records
        yield from sorted(found, key=lambda entry: entry.time)
        if not found:
            time.sleep(_POLL_SECONDS)


def _entries(path: Path, damage: Damage) -> Iterator[Entry]:
    with path.open("rb") as lines:
        for line in lines:
            yield from _decode(line, damage)


def _new(path: Path, position: int) -> tuple[list[Entry], int]:
    """The whole lines after `position`, and where they end."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            content = file.read()
    except FileNotFoundError:
        return [], position
    whole = content[: content.rfind(b"\n") + 1]
    damage = Damage()
    return [entry for line in whole.splitlines() for entry in _decode(line, damage)], position + len(whole)


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
