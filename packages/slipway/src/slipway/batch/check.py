"""Check a batch of rows against the contract, column by column, with the service's result for every row."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.batch.rules import Broken, Rows, Rule, group_rows, read_cells
from slipway.columns import Columns, columns_to_arguments, frame_to_columns, take_rows
from slipway.contract import Kind
from slipway.tables import is_text
from slipway.violations import REFUSED_ROW

WHOLE_ROW = "(whole row)"

# Seconds since 1970: the first and the last that a datetime can be.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class Fault(NamedTuple):
    """Rows of a batch, counted from 0, that break the contract in one way."""

    column: str
    rule: str
    rows: Rows


class Checked(NamedTuple):
    """The columns of the valid rows, a mask of the valid rows, and the faults of the others.

    An invalid row is in one fault only: that of the first field, in the contract's order, that it breaks.
    """

    columns: Columns
    valid: NDArray[np.bool_]
    faults: list[Fault]


def check_batch(contract: type[msgspec.Struct], rules: Sequence[Rule], batch: pa.RecordBatch, cells: bool) -> Checked:
    """Check a batch whose columns fit the rules, or contain the `cells` of a CSV file as text.

    A missing column has its default in every row. NaN is a missing value.
    """
    columns: Columns = {}
    valid = np.ones(batch.num_rows, dtype=bool)
    faults = []
    for rule in rules:
        columns[rule.name], broken = _column(rule, batch, cells)
        for violation, rows in broken:
            if len(rows := rows[valid[rows]]):
                faults.append(Fault(rule.name, str(violation), rows))
                valid[rows] = False
    if faults:
        columns = take_rows(columns, valid)
    if hasattr(contract, "__post_init__"):
        return _check_whole_rows(contract, rules, Checked(columns, valid, faults))
    return Checked(columns, valid, faults)


def _column(rule: Rule, batch: pa.RecordBatch, cells: bool) -> tuple[NDArray[np.generic], Broken]:
    if rule.name not in batch.schema.names:
        return frame_to_columns([rule.field], {rule.name: [rule.default]})[rule.name].repeat(batch.num_rows), []
    array, unreadable = read_cells(rule.field, batch.column(rule.name)) if cells else (batch.column(rule.name), [])
    if pa.types.is_dictionary(array.type) and not is_text(array.type):
        array = array.dictionary_decode()
    if is_text(array.type) or pa.types.is_null(array.type) or pa.types.is_decimal(array.type):
        values, broken = _by_value(rule, array)
    else:
        values, broken = _times(rule, array) if rule.field.kind is Kind.TIMESTAMP else _numbers(rule, array)
    return values, unreadable + broken


def _numbers(rule: Rule, array: pa.Array) -> tuple[NDArray[np.generic], Broken]:
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    # A value between two accepted ones is accepted too, unless it must be a multiple.
    if rule.field.multiple_of is None and all(rule.read_value(end)[1] is None for end in _ends(array, values)):
        return values, _missing(rule, np.isnan(values))
    return values, _by_value(rule, array)[1]


def _ends(array: pa.Array, values: NDArray[np.float64]) -> list[Any]:
    """Return the smallest and the largest value of `array`, or nothing; `values` are its values in float64."""
    if pa.types.is_floating(array.type):
        # pyarrow takes fifteen times as long.
        ends = [float(end) for end in (np.fmin.reduce(values), np.fmax.reduce(values))] if len(values) else []
    else:
        ends = [end.as_py() for end in pc.min_max(array).values()]
    return [end for end in ends if end is not None and end == end]


def _times(rule: Rule, array: pa.Array) -> tuple[NDArray[np.generic], Broken]:
    values = array.to_numpy(zero_copy_only=False)
    broken = _missing(rule, np.isnat(values))
    ticks = array.cast(pa.int64())
    low, high = (end.as_py() for end in pc.min_max(ticks).values())
    second = _TICKS[array.type.unit]
    first, last = _FIRST * second, (_LAST + 1) * second - 1
    if low is not None and not first <= low <= high <= last:
        wrong = pc.fill_null(pc.or_(pc.less(ticks, first), pc.greater(ticks, last)), False)
        broken.append((rule.outside_calendar, np.flatnonzero(wrong.to_numpy(zero_copy_only=False))))
    return values.astype("datetime64[us]"), broken


def _by_value(rule: Rule, array: pa.Array) -> tuple[NDArray[np.generic], Broken]:
    """Convert each distinct value once."""
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    known = [*coded.dictionary.to_pylist(), None]
    codes = pc.fill_null(coded.indices.cast(pa.int64()), len(known) - 1).to_numpy()
    read = [rule.read_value(value if value == value else None) for value in known]
    values = frame_to_columns([rule.field], {rule.name: [value for value, _ in read]})[rule.name][codes]
    missing_refused = read[-1][1] is not None and coded.null_count > 0
    if not missing_refused and all(why is None for _, why in read[:-1]):
        return values, []
    return values, group_rows([violation for _, violation in read], codes)


def _missing(rule: Rule, missing: NDArray[np.bool_]) -> Broken:
    if not missing.any() or (why := rule.read_value(None)[1]) is None:
        return []
    return [(why, np.flatnonzero(missing))]


def _check_whole_rows(contract: type[msgspec.Struct], rules: Sequence[Rule], checked: Checked) -> Checked:
    """Check the rows one by one with a contract that has a rule over several fields, in `__post_init__`."""
    rows = columns_to_arguments([rule.field for rule in rules], checked.columns)
    places = np.flatnonzero(checked.valid)
    found: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        try:
            contract(**row)
        except (ValueError, TypeError) as error:
            found.setdefault(f"{REFUSED_ROW}: {error}", []).append(number)
    if not found:
        return checked
    good = np.ones(len(rows), dtype=bool)
    good[[number for numbers in found.values() for number in numbers]] = False
    valid = checked.valid.copy()
    valid[places[~good]] = False
    faults = [Fault(WHOLE_ROW, why, places[numbers]) for why, numbers in found.items()]
    return Checked(take_rows(checked.columns, good), valid, checked.faults + faults)
