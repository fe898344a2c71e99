"""Predicted rows of the log as a table: a row for each, of one release."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import astuple
from numpy.typing import NDArray

from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.monitoring.intake.logged_columns import tabulate_times
from slipway.serving.log import Batch, Prediction

# Columns of inputs have the name of their field behind this, so that no field of a contract hides another column.
INPUT = "input:"
_NONE = type(None)


class InputRow(msgspec.Struct):
    """The logged inputs of a row, which may be a dictionary as well; a subclass has the fields of a contract."""


def tabulate_predictions(entries: Sequence[Prediction | Batch]) -> tuple[pa.Table, int]:
    """Return a row for each predicted row of one release, and the number of lines that hold no usable scores."""
    named = parse_identifiers([entry.id for entry in entries])
    usable, high, low, rows = entries, named.high, named.low, _flatten(entries)
    if not (named.valid.all() and _are_plain(entries, rows)):
        kept = np.array(_find_usable(entries, named.valid), dtype=bool)
        usable = [entry for entry, keep in zip(entries, kept.tolist(), strict=True) if keep]
        high, low, rows = high[kept], low[kept], _flatten(usable)
    scores, inputs, sizes = rows
    owner = np.repeat(np.arange(len(usable)), sizes)
    position = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    several = bool(scores) and isinstance(scores[0], list)
    times = tabulate_times([entry.time for entry in usable])
    columns = {
        "high": pa.array(high[owner]),
        "low": pa.array(low[owner] + position.astype(np.uint64)),
        "time": times.take(pa.array(owner)),
        "latency_us": pa.array(np.array([entry.latency_us for entry in usable], dtype=np.int64)[owner]),
        "position": pa.array(position.astype(np.int32)),
        "score": pa.array(scores, pa.list_(pa.float64()) if several else pa.float64()),
        "logged_inputs": pa.array([row is not None for row in inputs], pa.bool_()),
    }
    return pa.table(columns | dict(_tabulate_inputs(inputs))), len(entries) - len(usable)


class _Rows(NamedTuple):
    """The scores and the inputs of rows, and how many of them each entry has."""

    scores: list[Any]
    inputs: list[Any]
    sizes: NDArray[np.int64]


def _flatten(entries: Sequence[Prediction | Batch]) -> _Rows:
    if not any(issubclass(kind, Batch) for kind in {*map(type, entries)}):
        predictions: Any = entries
        sizes = np.ones(len(entries), dtype=np.int64)
        return _Rows([entry.score for entry in predictions], [entry.inputs for entry in predictions], sizes)
    scores: list[Any] = []
    inputs: list[Any] = []
    for entry in entries:
        if isinstance(entry, Batch):
            scores += entry.scores
            inputs += entry.inputs or [None] * len(entry.scores)
        else:
            scores.append(entry.score)
            inputs.append(entry.inputs)
    return _Rows(scores, inputs, np.array([count_rows(entry) for entry in entries], dtype=np.int64))


def count_rows(entry: Prediction | Batch) -> int:
    """Return the number of rows of a line."""
    return len(entry.scores) if isinstance(entry, Batch) else 1


def _find_usable(entries: Sequence[Prediction | Batch], valid: NDArray[np.bool_]) -> Sequence[bool]:
    """Tell which entries have an identifier, and scores of one width, that of the first of them."""
    widths = [_find_width(entry) if known else None for entry, known in zip(entries, valid.tolist(), strict=True)]
    width = next((each for each in widths if each is not None), None)
    return [each is not None and each == width for each in widths]


def _are_plain(entries: Sequence[Prediction | Batch], rows: _Rows) -> bool:
    """Tell by a look at the types whether every row of most blocks is usable: it has one number as its score."""
    kinds = {*map(type, rows.inputs)} - {_NONE}
    return (
        {*map(type, rows.scores)} <= {float, int}
        and all(map(_is_row, kinds))
        and all(
            len(entry.scores) > 0
            and (entry.inputs is None or len(entry.inputs) == len(entry.scores))
            and (entry.labels is None or len(entry.labels) == len(entry.scores))
            for entry in entries
            if isinstance(entry, Batch)
        )
    )


def _is_row(kind: type) -> bool:
    return kind is dict or issubclass(kind, InputRow)


def _find_width(entry: Prediction | Batch) -> int | None:
    """Return the number of scores of a row, 0 for a plain number; None for an entry that the log does not write."""
    scores = [entry.score] if isinstance(entry, Prediction) else entry.scores
    inputs = [entry.inputs] if isinstance(entry, Prediction) else entry.inputs
    labels = None if isinstance(entry, Prediction) else entry.labels
    if any(part is not None and len(part) != len(scores) for part in (inputs, labels)):
        return None
    numbers = [part for score in scores for part in (score if isinstance(score, list) else [score])]
    widths = {len(score) if isinstance(score, list) else 0 for score in scores}
    if len(widths) != 1 or not numbers or any(type(each) not in (int, float) for each in numbers):
        return None
    return widths.pop() if all(row is None or _is_row(type(row)) for row in inputs or ()) else None


def _tabulate_inputs(rows: Sequence[Any]) -> Iterator[tuple[str, pa.Array]]:
    """Yield a column for each field that any row has; rows of older contracts lack some."""
    kinds = {*map(type, rows)} - {_NONE}
    if len(kinds) == 1 and dict not in kinds:
        names = next(row for row in rows if row is not None).__struct_encode_fields__
        missing = (None,) * len(names)
        columns = zip(*(missing if row is None else astuple(row) for row in rows), strict=True)
        yield from ((f"{INPUT}{name}", _column(values)) for name, values in zip(names, columns, strict=True))
        return
    shapes = [*dict.fromkeys(tuple(row) for row in rows if row is not None)]
    if len(shapes) == 1 and None not in rows:
        columns = zip(*(row.values() for row in rows), strict=True)
        yield from ((f"{INPUT}{name}", _column(values)) for name, values in zip(shapes[0], columns, strict=True))
        return
    for name in dict.fromkeys(name for shape in shapes for name in shape):
        yield f"{INPUT}{name}", _column([row.get(name) if row else None for row in rows])


def _column(values: Sequence[Any]) -> pa.Array:
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
