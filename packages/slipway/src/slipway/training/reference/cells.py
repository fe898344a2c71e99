"""Turn the values of a column into the cells of its distribution."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Distribution, Shape
from slipway.training.reference.bins import number_cells, timestamp_cells

_TIMES = {Shape.HOUR: 24, Shape.WEEKDAY: 7}
# After the categories come the cells of rarer ones, of those that the model never saw, and of missing values.
OTHER, UNSEEN, MISSING = -3, -2, -1


class Texts(NamedTuple):
    """A code for each value, and the text of each code: None for missing."""

    codes: NDArray[np.intp]
    names: list[str | None]


def count_cells(distribution: Distribution) -> int:
    """Return the number of cells; the last one holds the missing values.

    Numbers: below the edges, the bins, above. Categories: each, the rarer ones, the unseen ones.
    """
    if distribution.cells is Shape.CATEGORY:
        return len(distribution.categories) + 3
    if distribution.cells is Shape.NUMBER:
        edges = len(distribution.edges)
        return 2 + (2 if edges == 1 else edges)
    return _TIMES[distribution.cells] + 1


def number_or_time_cells(distribution: Distribution, values: NDArray[Any]) -> NDArray[np.integer]:
    """Return the cell of each number or timestamp."""
    if distribution.cells is Shape.NUMBER:
        cells = number_cells(distribution.edges, values)
        cells[np.isnan(values)] = count_cells(distribution) - 1
        return cells
    return timestamp_cells(distribution.cells, values)


def category_cells(
    distribution: Distribution, texts: "Texts", vocabulary: Collection[str] | None = None
) -> NDArray[np.uint8]:
    """Return the cell of each text.

    `vocabulary` holds the categories that the model knows; without it a category is unseen only where the profile
    lists every one.
    """
    cells, places = count_cells(distribution), {name: cell for cell, name in enumerate(distribution.categories)}
    complete = vocabulary is not None or distribution.other == 0
    known = set(vocabulary or ())
    table = [
        cells + MISSING
        if name is None
        else places.get(name, cells + (UNSEEN if complete and name not in known else OTHER))
        for name in texts.names
    ]
    return np.array(table, dtype=np.uint8)[texts.codes]


def base_column(name: str) -> str:
    """Return the contract's column of an input: `departure` of `departure:hour`."""
    return name.partition(":")[0]


def factorize_texts(values: NDArray[Any]) -> Texts:
    """Return the texts of a column, true and false for truth values."""
    import pandas as pd

    if values.dtype != object:
        codes = np.where(np.isnan(values), 2, values != 0).astype(np.intp)
        return Texts(codes, ["false", "true", None])
    codes, known = pd.factorize(values)
    # Missing values have the code -1, which is the last place.
    return Texts(codes, [*(str(name) for name in known), None])
