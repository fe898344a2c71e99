"""Encode feature columns as the one float32 tensor that the model takes."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Input
from slipway.columns import Columns, count_rows
from slipway.errors import ProblemError

MISSING = -1.0
UNSEEN = -2.0


def fit_inputs(columns: Columns) -> tuple[Input, ...]:
    """Choose the tensor's columns: text becomes codes of its sorted values, everything else stays a number.

    Raises `ProblemError` for a column that is neither, a timestamp for instance.
    """
    return tuple(Input(name, _vocabulary(name, values)) for name, values in columns.items())


def encode_inputs(inputs: Sequence[Input], columns: Columns) -> NDArray[np.float32]:
    """Build the tensor of shape (rows, inputs): codes 0 to n-1, -1 for missing text, -2 for unseen text."""
    tensor = np.empty((count_rows(columns), len(inputs)), dtype=np.float32)
    # A number beyond float32 becomes infinite; the score shows whether the model can handle it.
    with np.errstate(over="ignore"):
        for position, (name, vocabulary) in enumerate((given.name, given.vocabulary) for given in inputs):
            tensor[:, position] = columns[name] if vocabulary is None else _codes(vocabulary, columns[name])
    return tensor


class CategoryCodes(dict[str | None, float]):
    """The code of each category; one that is not in it has the code `UNSEEN`."""

    def __missing__(self, category: str | None) -> float:
        """Return the code of a category that training did not see."""
        return UNSEEN


@lru_cache(maxsize=256)
def category_codes(vocabulary: tuple[str, ...]) -> CategoryCodes:
    """Return the code of each category."""
    return CategoryCodes({None: MISSING} | {value: float(code) for code, value in enumerate(vocabulary)})


def _codes(vocabulary: tuple[str, ...], values: NDArray[np.object_]) -> NDArray[np.float32]:
    codes = category_codes(vocabulary)
    return np.fromiter(map(codes.__getitem__, values.tolist()), dtype=np.float32, count=len(values))


def _vocabulary(name: str, values: NDArray[np.generic]) -> tuple[str, ...] | None:
    if values.dtype.kind in "OU":
        return tuple(sorted({str(value) for value in values.tolist() if value is not None}))
    if values.dtype.kind in "fiub":
        return None
    raise ProblemError(
        f"The feature {name!r}: expected numbers or text, found {values.dtype}. Derive numbers from it in features.py "
        "(hour, weekday, age in days) and leave the column itself out."
    )
