"""Choose requests from the log that stand for the rest: of the last days, distinct, those with rare values among them.

Rows stay the bytes that were logged. The same log gives the same rows, in the same order.
"""

import hashlib
import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from slipway.serving.log.reader import MALFORMED, Damage, read_lines
from slipway.serving.log.segments import list_segments

# Distinct rows that are drawn by their hash; the different values of a field whose rows are added to them.
_DRAWN, _VALUES = 4096, 64
_DAYS = timedelta(days=7)


class LoggedRequests(msgspec.Struct, frozen=True, kw_only=True):
    """Distinct rows that one model took, as JSON, of the `taken` ones in its last days up to `newest`.

    `without_inputs` of them were logged without what the client sent, `others` rows are of other models or days or of
    smoke tests, and `damaged` lines cannot be read.
    """

    rows: tuple[bytes, ...] = ()
    taken: int = 0
    newest: datetime | None = None
    without_inputs: int = 0
    others: int = 0
    damaged: int = 0


class _Row(msgspec.Struct, tag_field="kind", tag="prediction"):
    time: datetime
    model: str
    inputs: msgspec.Raw = msgspec.Raw(b"null")
    probe: bool = False

    @property
    def rows(self) -> list[msgspec.Raw]:
        return [self.inputs]


class _Rows(msgspec.Struct, tag_field="kind", tag="batch"):
    time: datetime
    model: str
    scores: list[msgspec.Raw]
    inputs: list[msgspec.Raw] | None = None
    probe: bool = False

    @property
    def rows(self) -> list[msgspec.Raw]:
        return [msgspec.Raw(b"null")] * len(self.scores) if self.inputs is None else self.inputs


class _Outcome(msgspec.Struct, tag_field="kind", tag="feedback"):
    """An outcome, of which nothing is read."""


class _Shadow(msgspec.Struct, tag_field="kind", tag="shadow"):
    """Scores of a shadow, of which nothing is read: the rows are those of predictions."""


_DECODER = msgspec.json.Decoder(_Row | _Rows | _Outcome | _Shadow)


def choose_requests(folder: Path, model: str, now: datetime) -> LoggedRequests:
    """Choose rows that the bundle `model` took in the seven days before its newest prediction in the log at `folder`.

    Predictions of a clock that is ahead of `now` do not count. A damaged line is counted, and never an error.
    """
    newest = max((each.time for each in _predictions(folder, Damage()) if _is_of(each, model, now)), default=None)
    damage, sample = Damage(), _Sample()
    taken = without = others = 0
    for each in _predictions(folder, damage):
        if newest is None or not _is_of(each, model, now) or each.time < newest - _DAYS:
            others += len(each.rows)
            continue
        for raw in each.rows:
            taken += 1
            if (content := bytes(raw)) == b"null":
                without += 1
            else:
                sample.add(content)
    return LoggedRequests(
        rows=sample.rows(), taken=taken, newest=newest, without_inputs=without, others=others, damaged=damage.lines
    )


def _is_of(prediction: _Row | _Rows, model: str, now: datetime) -> bool:
    return prediction.model == model and prediction.time <= now and not prediction.probe


def _predictions(folder: Path, damage: Damage) -> Iterator[_Row | _Rows]:
    """Yield the predictions file by file; times without a zone, which the service never writes, are damage."""
    for path in list_segments(folder):
        for line in read_lines(path, damage, {}):
            try:
                found = _DECODER.decode(line)
            except MALFORMED:
                damage.lines += 1
                continue
            if isinstance(found, _Outcome | _Shadow):
                continue
            if found.time.tzinfo is None:
                damage.lines += 1
            else:
                yield found


class _Sample:
    """Distinct rows: those with the smallest hashes, and the first one with each value and each extreme of a field."""

    def __init__(self) -> None:
        self._drawn: dict[int, bytes] = {}
        self._largest: list[int] = []
        self._fields: dict[str, _Field] = {}

    def add(self, row: bytes) -> None:
        """Take a row, or leave it out."""
        number = _hash(row)
        if number in self._drawn:
            return
        try:
            plain = msgspec.json.decode(row)
        except (msgspec.DecodeError, RecursionError):
            # A number of too many digits: the contract's reader says so.
            plain = None
        if isinstance(plain, dict):
            for name, value in plain.items():
                if (field := self._fields.get(name)) is None:
                    field = self._fields[name] = _Field()
                field.add(value, row)
        if len(self._drawn) < _DRAWN:
            heapq.heappush(self._largest, -number)
        elif number >= -self._largest[0]:
            return
        else:
            del self._drawn[-heapq.heappushpop(self._largest, -number)]
        self._drawn[number] = row

    def rows(self) -> tuple[bytes, ...]:
        """Return the rows in the order of their hashes."""
        rare = [row for field in self._fields.values() for row in field.rows()]
        return tuple(sorted({*self._drawn.values(), *rare}, key=_hash))


class _Field:
    """Rows with the smallest and the largest number, text and length of text, and with each of a few values."""

    def __init__(self) -> None:
        self._values: dict[Any, bytes] = {}
        self._ends: dict[str, list[Any]] = {}

    def add(self, value: Any, row: bytes) -> None:
        """Keep the row, if its value is an extreme one or not known."""
        kind = type(value)
        if kind is float or kind is int:
            self._add_end("number", value, row)
            return
        if (kind is not str and kind is not bool and value is not None) or value in self._values:
            return
        if len(self._values) < _VALUES:
            self._values[value] = row
        if kind is str:
            self._add_end("text", value, row)
            self._add_end("length", len(value), row)

    def rows(self) -> Iterator[bytes]:
        """Yield the rows that were kept."""
        yield from self._values.values()
        for _, low, _, high in self._ends.values():
            yield from (low, high)

    def _add_end(self, kind: str, value: Any, row: bytes) -> None:
        ends = self._ends.get(kind)
        if ends is None:
            self._ends[kind] = [value, row, value, row]
        elif value < ends[0]:
            ends[:2] = value, row
        elif value > ends[2]:
            ends[2:] = value, row


def _hash(row: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(row, digest_size=8).digest())
