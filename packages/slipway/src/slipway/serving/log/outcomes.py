"""Count predictions by their outcomes in bounded memory: the log is divided by identifiers, and joined part by part."""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from uuid import UUID

import msgspec

from slipway.serving.identifiers import format_identifiers
from slipway.serving.log.join import join_outcomes
from slipway.serving.log.reader import MALFORMED, Damage, list_log_files, read_lines
from slipway.serving.log.record import Entry, Feedback, Prediction

# Of ten million predictions, each part takes about 50 MB.
_PARTS = 64
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


_DECODER = msgspec.json.Decoder(_One | _Many | Feedback | _Other)
_PART_DECODER = msgspec.json.Decoder(_Key)
_FEEDBACK_DECODER = msgspec.json.Decoder(Feedback)


def count_outcomes(folder: Path, damage: Damage) -> dict[str, int]:
    """Count the predictions of a log by how they are joined with outcomes, as `join_outcomes` joins them."""
    totals: Counter[str] = Counter(join_outcomes(()).summary())
    with TemporaryDirectory(prefix="slipway-outcomes-") as scratch:
        _divide(folder, Path(scratch), damage)
        for part in range(_PARTS):
            totals.update(join_outcomes(_read_part(Path(scratch), part)).summary())
    return dict(totals)


def _divide(folder: Path, scratch: Path, damage: Damage) -> None:
    """Write the identifiers of predictions, and feedback, to the part of the prediction's identifier."""
    encode = msgspec.json.Encoder().encode
    with ExitStack() as stack:
        keys, feedback = (
            [stack.enter_context((scratch / f"{kind}{part}").open("wb", 1 << 16)) for part in range(_PARTS)]
            for kind in ("key", "feedback")
        )
        for path in list_log_files(folder, damage):
            for line in read_lines(path, damage, {}):
                for each in _decode(line, damage):
                    if isinstance(each, Feedback):
                        _file_of(feedback, each.prediction_id).write(encode(each) + b"\n")
                    else:
                        _file_of(keys, each.id).write(encode(each) + b"\n")


def _file_of(files: Sequence[BinaryIO], identifier: str) -> BinaryIO:
    return files[zlib.crc32(identifier.encode()) % _PARTS]


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


def _read_part(scratch: Path, part: int) -> Iterator[Entry]:
    with (scratch / f"key{part}").open("rb") as keys:
        for line in keys:
            key = _PART_DECODER.decode(line)
            yield Prediction(key.id, _SOME_TIME, "", 0, 0.0, probe=key.probe)
    with (scratch / f"feedback{part}").open("rb") as lines:
        for line in lines:
            yield _FEEDBACK_DECODER.decode(line)
