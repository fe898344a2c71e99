"""Turn a block of complete lines of the log into tables: predictions by release, scores of shadows, and outcomes."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.monitoring.intake.shadows import tabulate_shadows
from slipway.serving.log import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.reader import DECODER

# Columns of inputs have the name of their field behind this, so that no field of a contract hides another column.
INPUT = "input:"


class OutcomeKind:
    """The kinds of an outcome: 1 and true are different ones."""

    BOOLEAN, NUMBER, TEXT = 0, 1, 2


class BlockTables(NamedTuple):
    """The content of a block: a table for each release and each shadow, one of outcomes, and what could not be used."""

    predictions: dict[str, pa.Table]
    shadows: dict[str, pa.Table]
    outcomes: pa.Table
    damaged: int
    foreign: int


def read_block(content: bytes) -> BlockTables:
    """Read complete lines; one that is malformed, or that the log does not write, is counted."""
    entries, damaged, foreign = _decode(content)
    found: dict[str, list[Prediction | Batch]] = {}
    feedback, shadows = [], []
    for entry in entries:
        # The service never writes a time without a zone.
        if entry.time.tzinfo is None:
            foreign += 1
        elif isinstance(entry, Feedback):
            feedback.append(entry)
        elif isinstance(entry, Prediction | Batch):
            found.setdefault(entry.model, []).append(entry)
        elif isinstance(entry, Shadow):
            shadows.append(entry)
    tables, strange = {}, 0
    for model, logged in sorted(found.items()):
        table, refused = _tabulate_predictions(logged)
        strange += refused
        if len(table):
            tables[model] = table
    outcomes, refused = _tabulate_outcomes(feedback)
    shadowed, others = tabulate_shadows(shadows)
    return BlockTables(tables, shadowed, outcomes, damaged, foreign + strange + refused + others)


def _decode(content: bytes) -> tuple[list[Any], int, int]:
    """Return the entries, and how many lines are malformed or no entry."""
    try:
        return DECODER.decode_lines(content), 0, 0
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    entries, damaged, foreign = [], 0, 0
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            entries.append(DECODER.decode(line))
        except msgspec.ValidationError:
            foreign += 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            damaged += 1
    return entries, damaged, foreign


def _tabulate_predictions(entries: Sequence[Prediction | Batch]) -> tuple[pa.Table, int]:
    """Return a row for each predicted row of one release, and the number of lines that hold no usable scores."""
    named = parse_identifiers([entry.id for entry in entries])
    usable = [
        entry for entry, valid in zip(entries, named.valid.tolist(), strict=True) if valid and _is_complete(entry)
    ]
    refused = len(entries) - len(usable)
    if refused:
        named = parse_identifiers([entry.id for entry in usable])
    sizes = np.array([len(entry.scores) if isinstance(entry, Batch) else 1 for entry in usable], dtype=np.int64)
    owner = np.repeat(np.arange(len(usable)), sizes)
    position = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    scores: list[Any] = []
    inputs: list[Any] = []
    for entry in usable:
        if isinstance(entry, Batch):
            scores += entry.scores
            inputs += entry.inputs or [None] * len(entry.scores)
        else:
            scores.append(entry.score)
            inputs.append(entry.inputs)
    times = pa.array([entry.time for entry in usable], pa.timestamp("us", "UTC"))
    columns = {
        "high": pa.array(named.high[owner]),
        "low": pa.array(named.low[owner] + position.astype(np.uint64)),
        "time": times.take(pa.array(owner)),
        "latency_us": pa.array(np.array([entry.latency_us for entry in usable], dtype=np.int64)[owner]),
        "position": pa.array(position.astype(np.int32)),
        "score": pa.array(scores, _score_type(scores)),
        "logged_inputs": pa.array([row is not None for row in inputs], pa.bool_()),
    }
    return pa.table(columns | dict(_tabulate_inputs(inputs))), refused


def _is_complete(entry: Prediction | Batch) -> bool:
    if isinstance(entry, Prediction):
        return _is_score(entry.score) and isinstance(entry.inputs, dict | None)
    parts = (entry.labels, entry.inputs)
    if not entry.scores or any(part is not None and len(part) != len(entry.scores) for part in parts):
        return False
    same = {len(score) if isinstance(score, list) else 0 for score in entry.scores}
    return (
        len(same) == 1
        and all(map(_is_score, entry.scores))
        and all(isinstance(row, dict | None) for row in entry.inputs or ())
    )


def _is_score(score: Any) -> bool:
    if isinstance(score, list):
        return bool(score) and all(type(part) in (int, float) for part in score)
    return type(score) in (int, float)


def _score_type(scores: Sequence[Any]) -> pa.DataType:
    return pa.list_(pa.float64()) if scores and isinstance(scores[0], list) else pa.float64()


def _tabulate_inputs(rows: Sequence[Any]) -> Iterator[tuple[str, pa.Array]]:
    """Yield a column for each field that any row has; rows of older contracts lack some."""
    known = [row for row in rows if row is not None]
    names = dict.fromkeys(name for shape in dict.fromkeys(map(tuple, known)) for name in shape)
    given: list[dict[str, Any]] = known if len(known) == len(rows) else [row or {} for row in rows]
    for name in names:
        yield f"{INPUT}{name}", _column([row.get(name) for row in given])


def _column(values: list[Any]) -> pa.Array:
    """Make numbers of float64, booleans, or texts by their codes; values of several kinds become texts."""
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.nulls(0, pa.list_(pa.null()))
    if pa.types.is_null(array.type) or pa.types.is_boolean(array.type):
        return array
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return array.cast(pa.float64(), safe=False)
    if not pa.types.is_string(array.type):
        array = pa.array([None if value is None else _as_text(value) for value in values], pa.string())
    return array.dictionary_encode()


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _tabulate_outcomes(entries: Sequence[Feedback]) -> tuple[pa.Table, int]:
    """Return a row for each outcome, and the number of those whose identifiers are none."""
    own, about = (parse_identifiers([getattr(entry, name) for entry in entries]) for name in ("id", "prediction_id"))
    corrects = parse_identifiers([entry.supersedes or "" for entry in entries])
    outcomes = [entry.outcome for entry in entries]
    kinds = [_kind(outcome) for outcome in outcomes]
    texts = [value if kind == OutcomeKind.TEXT else None for value, kind in zip(outcomes, kinds, strict=True)]
    numbers = [None if kind == OutcomeKind.TEXT else float(value) for value, kind in zip(outcomes, kinds, strict=True)]
    instant = pa.timestamp("us", "UTC")
    table = pa.table(
        {
            "high": pa.array(about.high),
            "low": pa.array(about.low),
            "own_high": pa.array(own.high),
            "own_low": pa.array(own.low),
            "corrects_high": pa.array(np.where(corrects.valid, corrects.high, 0)),
            "corrects_low": pa.array(np.where(corrects.valid, corrects.low, 0)),
            "time": pa.array([entry.time for entry in entries], instant),
            "observed_at": pa.array([entry.observed_at for entry in entries], instant),
            "kind": pa.array(kinds, pa.int8()),
            "number": pa.array(numbers, pa.float64()),
            "text": pa.array(texts, pa.string()).dictionary_encode(),
        }
    )
    valid = own.valid & about.valid
    return table.filter(pa.array(valid)), int((~valid).sum())


def _kind(outcome: Any) -> int:
    if isinstance(outcome, bool):
        return OutcomeKind.BOOLEAN
    return OutcomeKind.TEXT if isinstance(outcome, str) else OutcomeKind.NUMBER
