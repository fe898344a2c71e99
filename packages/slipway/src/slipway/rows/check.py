"""Check columns of rows against the contract, with the service's result for every row."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.columns import Columns, columns_to_arguments, columns_to_rows, frame_to_columns, rows_to_columns, take_rows
from slipway.contract import Kind
from slipway.rows.rules import Broken, Rows, Rule, group_rows, read_cells
from slipway.tables import is_text
from slipway.violations import describe_refused_row

WHOLE_ROW = "(whole row)"

# Seconds since 1970: the first and the last that a datetime can be.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

# The values of a column as the contract reads them, and the rows that it refuses.
ReadColumn = tuple[NDArray[Any], Broken]


class Fault(NamedTuple):
    """Rows, counted from 0, that break the contract in one way."""

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
    return check_columns(contract, rules, {rule.name: _column(rule, batch, cells) for rule in rules})


def check_columns(contract: type[msgspec.Struct], rules: Sequence[Rule], read: Mapping[str, ReadColumn]) -> Checked:
    """Check rows whose columns were `read` one by one: each row by its first fault, then by the contract's own checks.

    The contract's own checks, in `__post_init__`, run if every field of the contract has a rule.
    """
    columns: Columns = {}
    valid = np.ones(len(next(iter(read.values()))[0]), dtype=bool)
    faults = []
    for rule in rules:
        columns[rule.name], broken = read[rule.name]
        for violation, rows in broken:
            if len(rows := rows[valid[rows]]):
                faults.append(Fault(rule.name, str(violation), rows))
                valid[rows] = False
    if faults:
        columns = take_rows(columns, valid)
    if hasattr(contract, "__post_init__") and len(rules) == len(contract.__struct_fields__):
        return _check_whole_rows(contract, rules, Checked(columns, valid, faults))
    return Checked(columns, valid, faults)


def read_column(rule: Rule, array: pa.Array) -> ReadColumn:
    """Read an array of a type that fits the rule."""
    if pa.types.is_dictionary(array.type) and not is_text(array.type):
        array = array.dictionary_decode()
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s" if array.type == pa.date32() else "ms"))
    if pa.types.is_decimal32(array.type) or pa.types.is_decimal64(array.type):
        array = array.cast(pa.decimal128(array.type.precision, array.type.scale))
    if is_text(array.type) or pa.types.is_null(array.type) or pa.types.is_decimal(array.type):
        return _by_value(rule, array)
    return _times(rule, array) if rule.field.kind is Kind.TIMESTAMP else _numbers(rule, array)


def _column(rule: Rule, batch: pa.RecordBatch, cells: bool) -> ReadColumn:
    if rule.name not in batch.schema.names:
        return frame_to_columns([rule.field], {rule.name: [rule.default]})[rule.name].repeat(batch.num_rows), []
    array, unreadable = read_cells(rule.field, batch.column(rule.name)) if cells else (batch.column(rule.name), [])
    values, broken = read_column(rule, array)
    return values, unreadable + broken


def _numbers(rule: Rule, array: pa.Array) -> ReadColumn:
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    # A value between two accepted ones is accepted too, unless it must be a multiple.
    stepped = rule.field.multiple_of is not None
    if rule.field.kind is Kind.INTEGER and pa.types.is_floating(array.type):
        stepped = stepped or bool(np.any(values != np.floor(values), where=~np.isnan(values)))
    if not stepped and all(rule.read_value(end)[1] is None for end in _ends(array, values)):
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


def _times(rule: Rule, array: pa.Array) -> ReadColumn:
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


def _by_value(rule: Rule, array: pa.Array) -> ReadColumn:
    """Convert each distinct value once."""
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    known = [*coded.dictionary.to_pylist(), None]
    codes = pc.fill_null(coded.indices.cast(pa.int64()), len(known) - 1).to_numpy()
    return read_distinct(rule, known, codes)


def read_distinct(rule: Rule, known: Sequence[Any], codes: NDArray[np.integer]) -> ReadColumn:
    """Read distinct values, the last of them None; `codes` has for each row the index of its value."""
    read = [*rule.read_values([value if value == value else None for value in known[:-1]]), rule.read_value(None)]
    values = frame_to_columns([rule.field], {rule.name: [value for value, _ in read]})[rule.name][codes]
    if all(why is None for _, why in read[:-1]) and (read[-1][1] is None or not (codes == len(known) - 1).any()):
        return values, []
    return values, group_rows([violation for _, violation in read], codes)


def _missing(rule: Rule, missing: NDArray[np.bool_]) -> Broken:
    if not missing.any() or (why := rule.read_value(None)[1]) is None:
        return []
    return [(why, np.flatnonzero(missing))]


def _check_whole_rows(contract: type[msgspec.Struct], rules: Sequence[Rule], checked: Checked) -> Checked:
    """Check the rows one by one with a contract that has a rule over several fields, in `__post_init__`."""
    fields = [rule.field for rule in rules]
    try:
        taken = msgspec.convert(columns_to_rows(fields, checked.columns), list[contract])  # type: ignore[valid-type]
    except Exception:  # noqa: BLE001 whatever the checks raise, it is found again row by row
        taken, found = _take_each(contract, columns_to_arguments(fields, checked.columns))
    else:
        found = {}
    places, valid = np.flatnonzero(checked.valid), checked.valid.copy()
    faults = [Fault(WHOLE_ROW, why, places[rows]) for why, rows in found.items()]
    for fault in faults:
        valid[fault.rows] = False
    # The checks may change a row, unless rows are frozen.
    if taken and not contract.__struct_config__.frozen:
        columns = rows_to_columns(fields, taken)
    else:
        columns = take_rows(checked.columns, valid[places]) if faults else checked.columns
    return Checked(columns, valid, checked.faults + faults)


def _take_each(
    contract: type[msgspec.Struct], rows: Sequence[dict[str, Any]]
) -> tuple[list[msgspec.Struct], dict[str, list[int]]]:
    """Return the rows that the contract takes, and the numbers of the others by the reason."""
    taken: list[msgspec.Struct] = []
    found: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        try:
            taken.append(contract(**row))
        except Exception as error:  # noqa: BLE001 the service takes no row on which the checks fail
            found.setdefault(str(describe_refused_row(error, row.values())), []).append(number)
    return taken, found
