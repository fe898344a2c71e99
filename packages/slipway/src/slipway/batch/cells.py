"""Read cells of a CSV file as values; a cell that cannot be read makes its row invalid."""

import pyarrow as pa
import pyarrow.compute as pc

from slipway.batch.rules import Broken, group_rows
from slipway.contract import Field, Kind
from slipway.violations import describe_violation

_TYPES = {Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_()}


def read_cells(field: Field, cells: pa.Array) -> tuple[pa.Array, Broken]:
    """Read an array of strings (null for empty ones) as values of the field's kind.

    Also returns the rows without such a value, which are null in the array. A cell is read the same whatever the other
    cells are. Timestamps have a time zone exactly if the field has one.
    """
    if field.kind is Kind.CATEGORY:
        return cells, []
    target = _TYPES.get(field.kind) or pa.timestamp("us", tz="UTC" if field.zoned else None)
    try:
        return cells.cast(target), []
    except pa.ArrowInvalid:
        # Spaces around a number are ignored. An unreadable cell, such as n/a, usually occurs more than once.
        coded = pc.ascii_trim_whitespace(cells).dictionary_encode()
    texts = coded.dictionary
    known = _cast_each(texts, target)
    numbers = _cast_each(texts, pa.float64()) if field.kind is Kind.INTEGER else known
    violations = [
        None if value.is_valid else describe_violation(field, number.as_py() if number.is_valid else text.as_py())
        for value, number, text in zip(known, numbers, texts, strict=True)
    ]
    codes = pc.fill_null(coded.indices, len(texts)).to_numpy()
    return known.take(coded.indices), group_rows([*violations, None], codes)


def _cast_each(cells: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast the cells, null for one that cannot be read, by bisection: most parts can be cast at once."""
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, target)
        middle = len(cells) // 2
        return pa.concat_arrays([_cast_each(cells[:middle], target), _cast_each(cells[middle:], target)])
