"""Write columns as bytes between two processes, and read them without pickle: what a child sends runs no code."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns
from slipway.errors import BundleError

# Numbers, booleans and times; everything else is text.
_PLAIN = "fiubM"


class PackedArray(msgspec.Struct, frozen=True, array_like=True):
    """An array: its dtype, its shape and its bytes; text is stored as positions in `words`, -1 for None."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    words: tuple[str, ...] | None = None


PackedColumns = dict[str, PackedArray]


def pack_array(values: NDArray[np.generic]) -> PackedArray:
    """Pack an array of numbers, times or text."""
    if values.dtype.kind in _PLAIN:
        return PackedArray(values.dtype.str, values.shape, values.tobytes())
    listed = values.ravel().tolist()
    words = [word for word in dict.fromkeys(listed) if word is not None]
    codes = {word: code for code, word in enumerate(words)} | {None: -1}
    places = np.fromiter(map(codes.__getitem__, listed), dtype="<i4", count=len(listed))
    return PackedArray("<i4", values.shape, places.tobytes(), tuple(map(str, words)))


def unpack_array(packed: PackedArray) -> NDArray[np.generic]:
    """Read a packed array; raises `BundleError` for one that is malformed."""
    try:
        dtype = np.dtype(packed.dtype)
        if dtype.kind not in _PLAIN or dtype.hasobject:
            raise ValueError(f"the dtype {packed.dtype}")
        values = np.frombuffer(packed.data, dtype=dtype).reshape(packed.shape).copy()
        if packed.words is None:
            return values
        words = np.array([*packed.words, None], dtype=object)
        # The position -1 is the last, which is None.
        return words[values]
    except (ValueError, TypeError, IndexError) as error:
        raise BundleError(f"Cannot read an array from the child process: {error}.") from error


def pack_columns(columns: Columns) -> PackedColumns:
    """Pack columns by name."""
    return {name: pack_array(values) for name, values in columns.items()}


def unpack_columns(packed: PackedColumns) -> Columns:
    """Read packed columns; raises `BundleError` for one that is malformed."""
    return {name: unpack_array(values) for name, values in packed.items()}
