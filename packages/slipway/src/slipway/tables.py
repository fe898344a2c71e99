"""The one table of stored types: which kind of value a column of a file can hold, and how it is read."""

import pyarrow as pa
import pyarrow.compute as pc

_TARGETS = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string(), "boolean": pa.bool_()}
# The type in which values of each kind are read.
READ_TYPES = {**_TARGETS, "timestamp": pa.timestamp("us"), "instant": pa.timestamp("us", tz="UTC")}
KINDS = (*READ_TYPES,)
# Times as BigQuery and Snowflake write them, and in ISO 8601: the zone by name or behind a blank, zeros below the
# microsecond.
_WAREHOUSE_TIMES = (
    (r" UTC$", "Z"),
    (r"^(\d{4}-\d\d-\d\d.\d\d:\d\d\S*) ([Zz]|[+-]\d\d:?\d\d)$", r"\1\2"),
    (r"^(\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d\.\d{6})0+", r"\1"),
)


def fits_kind(kind: str, stored: pa.DataType) -> bool:
    """Tell whether a column of the type `stored` can hold values of `kind`.

    Kinds are integer, number, text, boolean, timestamp, and instant (a timestamp with a time zone). A column that is
    wholly missing holds any kind. Whole numbers may be stored as floats or decimals, timestamps as text or dates
    (midnight), codes for values in a dictionary.
    """
    plain = plain_type(stored)
    match kind:
        case _ if pa.types.is_null(plain):
            return True
        case "integer" | "number":
            return pa.types.is_integer(plain) or pa.types.is_floating(plain) or pa.types.is_decimal(plain)
        case "boolean":
            return pa.types.is_boolean(plain)
        case "text":
            return is_text(plain)
        case "instant":
            return is_text(plain) or (pa.types.is_timestamp(plain) and plain.tz is not None)
    return is_text(plain) or pa.types.is_timestamp(plain) or pa.types.is_date(plain)


def cast_column(kind: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast a column that fits `kind` to the one type of that kind, so that files with other widths can be joined.

    NaN becomes null; times that are stored as text are cells. Raises `pa.ArrowException` for a value that would lose
    digits.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if kind in _TARGETS:
        return column.cast(_TARGETS[kind])
    zone = "UTC" if kind == "instant" or getattr(column.type, "tz", None) else None
    return column.cast(pa.timestamp("us", tz=zone))


def is_text(stored: pa.DataType) -> bool:
    """Return True if a column of this type holds strings, plain or dictionary-encoded."""
    plain = plain_type(stored)
    return pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)


def plain_type(stored: pa.DataType) -> pa.DataType:
    """Return the type of the values, which a dictionary stores as codes."""
    return stored.value_type if pa.types.is_dictionary(stored) else stored


def cast_cells(cells: pa.Array, target: pa.DataType) -> pa.Array:
    """Read strings as `target`, null for one that cannot be read; spaces around a value are ignored.

    Each cell is read the same whatever the others are: 3.0 is a whole number. Times may be written as BigQuery and
    Snowflake do.
    """
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        # An unreadable cell, such as n/a, usually occurs more than once.
        coded = pc.ascii_trim_whitespace(cells).dictionary_encode()
    if pa.types.is_timestamp(target):
        return _cast_each(_write_iso(coded.dictionary), target).take(coded.indices)
    known = _cast_each(coded.dictionary, target)
    if pa.types.is_integer(target):
        numbers = _cast_each(coded.dictionary, pa.float64()).to_numpy(zero_copy_only=False)
        whole = [int(number) if number.is_integer() and abs(number) < 2**53 else None for number in numbers.tolist()]
        known = pc.coalesce(known, pa.array(whole, target))
    return known.take(coded.indices)


def _write_iso(cells: pa.Array) -> pa.Array:
    for written, meant in _WAREHOUSE_TIMES:
        cells = pc.replace_substring_regex(cells, written, meant)
    return cells


def _cast_each(cells: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast the cells by bisection: most parts can be cast at once."""
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, target)
        middle = len(cells) // 2
        return pa.concat_arrays([_cast_each(cells[:middle], target), _cast_each(cells[middle:], target)])
