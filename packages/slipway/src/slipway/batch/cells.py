"""Cells of a CSV file as values: one that cannot be read makes its row invalid, the file is read on."""

import pyarrow as pa
import pyarrow.compute as pc

from slipway.batch.rules import Broken, group_rows
from slipway.contract import Field, Kind
from slipway.violations import describe_violation

_TYPES = {Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_()}


def read_cells(field: Field, cells: pa.Array) -> tuple[pa.Array, Broken]:
    """Read an array of strings (null for empty ones) as values of the field's kind.

    Also returns the rows that hold no such value; they are null in the array. Whether a cell can be read depends on no
    other cell. Times have a zone exactly where the field asks for one.
    """
    if field.kind is Kind.CATEGORY:
        return cells, []
    target = _TYPES.get(field.kind) or pa.timestamp("us", tz="UTC" if field.zoned else None)
    try:
        return cells.cast(target), []
    except pa.ArrowInvalid:
        # Spaces around a number mean nothing. An odd cell mostly comes more than once: n/a, for instance.
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
    """Cast halves of halves until each part can be read as a whole, or is one cell that cannot be read: null."""
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, target)
        middle = len(cells) // 2
        return pa.concat_arrays([_cast_each(cells[:middle], target), _cast_each(cells[middle:], target)])
