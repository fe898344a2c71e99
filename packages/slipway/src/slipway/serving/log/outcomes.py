"""Count predictions by their outcomes in bounded memory: the log is divided by identifiers, and joined part by part."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple
from uuid import UUID

import msgspec

from slipway.errors import DataError
from slipway.serving.identifiers import format_identifiers
from slipway.serving.log.join import join_outcomes
from slipway.serving.log.reader import MALFORMED, Damage, list_log_files, read_lines
from slipway.serving.log.record import Entry, Feedback, Prediction

# Of ten million predictions, each part takes about 50 MB.
_PARTS = 64
# Bytes of a part's predictions, and of its feedback, above which they are written to a temporary file.
_IN_MEMORY = 1 << 18
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class _One(msgspec.Struct, frozen=True, tag_field="kind", tag="prediction"):
    id: str
    time: datetime
    probe: bool = False


class _Many(msgspec.Struct, frozen=True, tag_field="kind", tag="batch"):
    id: str
    time: datetime
    scores: list[msgspec.Raw]
    probe: bool = False


class _Other(msgspec.Struct, frozen=True, tag_field="kind", tag="shadow"):
    time: datetime


class _Key(msgspec.Struct, frozen=True):
    """A prediction in a part: all that the join needs of it."""

    id: str
    probe: bool


class _Part(NamedTuple):
    """The predictions and the feedback of one part, a line each."""

    keys: IO[bytes]
    feedback: IO[bytes]


_DECODER = msgspec.json.Decoder(_One | _Many | Feedback | _Other)
_PART_DECODER = msgspec.json.Decoder(_Key)
_FEEDBACK_DECODER = msgspec.json.Decoder(Feedback)


def count_outcomes(folder: Path, damage: Damage) -> dict[str, int]:
    """Count the predictions of a log by how they are joined with outcomes, as `join_outcomes` joins them.

    Raises `DataError` for a log that memory does not hold, where there is no temporary folder either.
    """
    totals: Counter[str] = Counter(join_outcomes(()).summary())
    paths = list_log_files(folder, damage)
    new_file = partial(SpooledTemporaryFile, _IN_MEMORY)
    try:
        with ExitStack() as stack:
            parts = [_Part(*(stack.enter_context(new_file()) for _ in _Part._fields)) for _ in range(_PARTS)]
            _divide(paths, parts, damage)
            for part in parts:
                totals.update(join_outcomes(_read_part(part)).summary())
    except OSError as error:  # of the temporary files, whose last bytes are written when they are read or closed
        raise DataError(
            "Cannot count the outcomes of so many predictions in memory, and cannot write temporary files: "
            f"{error.strerror}. Set TMPDIR to a folder with space that this user may write, such as a volume's."
        ) from error
    return dict(totals)


def _divide(paths: Sequence[Path], parts: Sequence[_Part], damage: Damage) -> None:
    """Write the identifiers of predictions, and feedback, to the part of the prediction's identifier."""
    encode = msgspec.json.Encoder().encode
    for path in paths:
        for line in read_lines(path, damage, {}):
            for each in _decode(line, damage):
                if isinstance(each, Feedback):
                    _part_of(parts, each.prediction_id).feedback.write(encode(each) + b"\n")
                else:
                    _part_of(parts, each.id).keys.write(encode(each) + b"\n")


def _part_of(parts: Sequence[_Part], identifier: str) -> _Part:
    return parts[zlib.crc32(identifier.encode()) % _PARTS]


def _decode(line: bytes, damage: Damage) -> Sequence[_Key | Feedback]:
    try:
        found = _DECODER.decode(line)
        if found.time.tzinfo is None:
            damage.lines += 1
            return []
        if isinstance(found, _Many):
            return [_Key(name, found.probe) for name in format_identifiers(UUID(found.id).int, len(found.scores))]
    except MALFORMED:
        damage.lines += 1
        return []
    if isinstance(found, _One):
        return (_Key(found.id, found.probe),)
    return (found,) if isinstance(found, Feedback) else ()


def _read_part(part: _Part) -> Iterator[Entry]:
    part.keys.seek(0)
    for line in part.keys:
        key = _PART_DECODER.decode(line)
        yield Prediction(key.id, _SOME_TIME, "", 0, 0.0, probe=key.probe)
    part.feedback.seek(0)
    for line in part.feedback:
        yield _FEEDBACK_DECODER.decode(line)
