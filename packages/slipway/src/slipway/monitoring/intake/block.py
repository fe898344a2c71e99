"""Turn a block of complete lines of the log into tables: predictions by release, scores of shadows, and outcomes."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from slipway.monitoring.intake.outcome_table import tabulate_outcomes
from slipway.monitoring.intake.prediction_table import InputRow, count_rows, tabulate_predictions
from slipway.monitoring.intake.shadows import tabulate_shadows
from slipway.serving.log import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.reader import DECODER

# What a number raises that is too large for its column.
_UNFIT = (OverflowError, pa.ArrowException)
# The rows of a release have the same fields, which its first lines tell: as structs they take two thirds of the time
# that dictionaries take.
_LINES, _BYTES = 64, 1 << 16


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
    usable = _keep_times(entries)
    foreign += len(entries) - len(usable)
    predictions = _select(usable, Prediction, Batch)
    traffic = [entry for entry in predictions if not entry.probe]
    tables: dict[str, pa.Table] = {}
    for model in sorted({entry.model for entry in traffic}):
        table, refused = tabulate_predictions([entry for entry in traffic if entry.model == model])
        foreign += refused
        if len(table):
            tables[model] = table
    outcomes, strange = tabulate_outcomes(_select(usable, Feedback))
    shadowed, others = tabulate_shadows(_select(usable, Shadow))
    tests = [entry for entry in predictions if entry.probe] if len(traffic) < len(predictions) else []
    probes = sum(count_rows(entry) for entry in tests)
    return BlockTables(tables, shadowed, outcomes, damaged, foreign + strange + others, probes)


def _select(entries: Sequence[Any], *kinds: type) -> list[Any]:
    """Return the entries of these kinds; a decoder of typed rows makes subclasses of them."""
    chosen = {found for found in {*map(type, entries)} if issubclass(found, kinds)}
    return [entry for entry in entries if type(entry) in chosen]


def _keep_times(entries: Sequence[Any]) -> Sequence[Any]:
    """Leave out times without a zone, which the service never writes, and those at the ends of the calendar.

    These UTC may not have.
    """
    times = [entry.time for entry in entries]
    # Most blocks: a look at the ends.
    if {time.tzinfo for time in times} == {UTC} and min(times).year > MINYEAR and max(times).year < MAXYEAR:
        return entries
    return [entry for entry in entries if entry.time.tzinfo is not None and entry.time.year not in (MINYEAR, MAXYEAR)]


def _decode(content: bytes) -> tuple[list[Any], int, int]:
    """Return the entries, and how many lines are malformed or no entry."""
    for decoder in (_find_decoder(content), DECODER):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return decoder.decode_lines(content), 0, 0
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


def _find_decoder(content: bytes) -> "msgspec.json.Decoder[Any]":
    """Return a decoder for lines whose rows have fields of the first rows; of any line where no row tells them.

    The former raises `msgspec.ValidationError` for a row with another field.
    """
    names: dict[str, None] = {}
    # One line at least: that of a thousand rows is long.
    head = content[: max(_BYTES, content.find(b"\n"))]
    for line in head.splitlines()[:_LINES]:
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            entry = DECODER.decode(line)
            rows = entry.inputs if isinstance(entry, Batch) else [getattr(entry, "inputs", None)]
            names |= {name: None for row in rows or () if isinstance(row, dict) for name in row}
    # The name of a struct's field may hold no quote; no contract has such a name, but a line of another program may.
    with suppress(ValueError):
        return _make_decoder(tuple(names)) if names else DECODER
    return DECODER


@lru_cache(maxsize=16)
def _make_decoder(names: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    # Names may be any text.
    fields = {f"field_{number}": name for number, name in enumerate(names)}
    row: Any = msgspec.defstruct(
        "Row", [(field, Any, None) for field in fields], bases=(InputRow,), rename=fields, forbid_unknown_fields=True
    )
    kinds = [
        msgspec.defstruct(kind.__name__, [("inputs", inputs, None)], bases=(kind,), tag_field="kind", tag=tag)
        for kind, tag, inputs in (
            (Prediction, "prediction", row | None),
            (Batch, "batch", list[row | None] | None),
        )
    ]
    return msgspec.json.Decoder(kinds[0] | kinds[1] | Feedback | Shadow)
