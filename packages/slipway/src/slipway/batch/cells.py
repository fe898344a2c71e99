"""Cells of a CSV file as values: what cannot be read is a row to refuse, not the end of the file."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.contract import Field, Kind

_TYPES = {Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_()}


def read_cells(field: Field, cells: pa.Array) -> tuple[pa.Array, NDArray[np.intp]]:
    """Read an array of strings (null for empty ones) as values of the field's kind.

    Also returns the positions that hold no such value; they are null in the array. Whether a cell can be read depends
    on no other cell. Times have a zone exactly where the field asks for one.
    """
    if field.kind is Kind.CATEGORY:
        return cells, np.empty(0, np.intp)
    target = _TYPES.get(field.kind) or pa.timestamp("us", tz="UTC" if field.zoned else None)
    try:
        return cells.cast(target), np.empty(0, np.intp)
    except pa.ArrowInvalid:
        # Spaces around a number mean nothing. An odd cell mostly comes more than once: n/a, for instance.
        coded = pc.ascii_trim_whitespace(cells).dictionary_encode()
    known = _cast_each(coded.dictionary, target)
    values = known.take(coded.indices)
    return values, np.flatnonzero(values.is_null().to_numpy(False) & cells.is_valid().to_numpy(False))


def _cast_each(cells: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast halves of halves until each part can be read as a whole, or is one cell that cannot be read: null."""
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, target)
        middle = len(cells) // 2
        return pa.concat_arrays([_cast_each(cells[:middle], target), _cast_each(cells[middle:], target)])
