"""Turn a block of complete lines of the log into tables: predictions by release, scores of shadows, and outcomes."""

from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, MINYEAR
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.monitoring.intake.outcome_table import tabulate_outcomes
from slipway.monitoring.intake.shadows import tabulate_shadows
from slipway.serving.log import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.reader import DECODER

# Columns of inputs have the name of their field behind this, so that no field of a contract hides another column.
INPUT = "input:"
# What a number raises that is too large for its column.
_UNFIT = (OverflowError, pa.ArrowException)


class BlockTables(NamedTuple):
    """The content of a block: a table for each release and each shadow, one of outcomes, and what is left out.

    `probes` are predicted rows that tested the service, `damaged` and `foreign` lines those that could not be used.
    """

    predictions: dict[str, pa.Table]
    shadows: dict[str, pa.Table]
    outcomes: pa.Table
    damaged: int
    foreign: int
    probes: int


def read_block(content: bytes) -> BlockTables:
    """Read complete lines; one that is malformed, or that the log does not write, is counted."""
    entries, damaged, foreign = _decode(content)
    try:
        return _tabulate(entries, damaged, foreign)
    except _UNFIT:
        fitting = _find_fitting(entries)
        return _tabulate(fitting, damaged, foreign + len(entries) - len(fitting))


def _find_fitting(entries: Sequence[Any]) -> Sequence[Any]:
    """Return the entries whose numbers and times fit into the columns: halves are searched until each fits."""
    try:
        _tabulate(entries, 0, 0)
    except _UNFIT:
        half = len(entries) // 2
        return [*_find_fitting(entries[:half]), *_find_fitting(entries[half:])] if half else []
    return entries


def _tabulate(entries: Sequence[Any], damaged: int, foreign: int) -> BlockTables:
    found: dict[str, list[Prediction | Batch]] = {}
    feedback, shadows, probes = [], [], 0
    for entry in entries:
        # The service never writes a time without a zone, nor one at the ends of the calendar, which UTC may not have.
        if entry.time.tzinfo is None or entry.time.year in (MINYEAR, MAXYEAR):
            foreign += 1
        elif isinstance(entry, Feedback):
            feedback.append(entry)
        elif isinstance(entry, Prediction | Batch) and entry.probe:
            probes += len(entry.scores) if isinstance(entry, Batch) else 1
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
    outcomes, refused = tabulate_outcomes(feedback)
    shadowed, others = tabulate_shadows(shadows)
    return BlockTables(tables, shadowed, outcomes, damaged, foreign + strange + refused + others, probes)


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
    kept = np.array(_find_usable(entries, named.valid), dtype=bool)
    usable = [entry for entry, keep in zip(entries, kept.tolist(), strict=True) if keep]
    high, low = named.high[kept], named.low[kept]
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
    several = bool(scores) and isinstance(scores[0], list)
    times = pa.array([entry.time for entry in usable], pa.timestamp("us", "UTC"))
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


def _find_usable(entries: Sequence[Prediction | Batch], valid: NDArray[np.bool_]) -> Sequence[bool]:
    """Tell which entries have an identifier, and scores of one width, that of the first of them."""
    if valid.all() and all(type(entry) is Prediction for entry in entries):
        # Most blocks: a look at the types alone.
        scores = {type(entry.score) for entry in entries if isinstance(entry, Prediction)}
        inputs = {type(entry.inputs) for entry in entries}
        if scores <= {float, int} and inputs <= {dict, type(None)}:
            return [True] * len(entries)
    widths = [_find_width(entry) if known else None for entry, known in zip(entries, valid.tolist(), strict=True)]
    width = next((each for each in widths if each is not None), None)
    return [each is not None and each == width for each in widths]


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
    return widths.pop() if all(isinstance(row, dict | None) for row in inputs or ()) else None


def _tabulate_inputs(rows: Sequence[Any]) -> Iterator[tuple[str, pa.Array]]:
    """Yield a column for each field that any row has; rows of older contracts lack some."""
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
