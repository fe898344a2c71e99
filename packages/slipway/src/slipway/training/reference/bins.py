"""Choose the bins, categories and hours in which a column is watched, and describe it by their shares."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Distribution, Shape

BINS = 10
# Rarer categories are counted together: their shares are too small to watch one by one.
CATEGORIES = 50
# A value that more of the rows have gets a bin of its own; the bins lie between the quantiles of the other values.
_ATOM = 1 / BINS
# Outside of the outer edges lies a share of the training rows that production is expected to exceed only by a change.
_TAIL = 0.001


def describe_number(values: NDArray[np.float64]) -> Distribution:
    """Describe a number by bins whose edges are values that occur, so that no common value shares its bin."""
    known = values[~np.isnan(values)]
    missing = _round(1 - len(known) / len(values))
    if not len(known):
        return Distribution(shape=Shape.NUMBER, shares=(), missing=missing)
    edges = _edges(known)
    cells = np.bincount(number_cells(edges, known), minlength=len(edges) + 1) / len(values)
    below, *shares, above = [_round(share) for share in cells.tolist()]
    return Distribution(
        shape=Shape.NUMBER, edges=edges, shares=tuple(shares), missing=missing, below=below, above=above
    )


def describe_category(values: list[str | None]) -> Distribution:
    """Describe text, or truth values as text, by its most frequent categories."""
    counts = Counter(values)
    missing = counts.pop(None, 0)
    common = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:CATEGORIES]
    kept = sum(number for _, number in common)
    return Distribution(
        shape=Shape.CATEGORY,
        categories=tuple(str(name) for name, _ in common),
        shares=tuple(_round(number / len(values)) for _, number in common),
        missing=_round(missing / len(values)),
        other=_round((len(values) - missing - kept) / len(values)),
    )


def describe_timestamp(name: str, values: NDArray[Any]) -> dict[str, Distribution]:
    """Describe timestamps by the hour of the day and the day of the week, under `<name>:hour` and `<name>:weekday`."""
    found = {}
    for shape, parts in ((Shape.HOUR, 24), (Shape.WEEKDAY, 7)):
        counts = np.bincount(timestamp_cells(shape, values), minlength=parts + 1) / len(values)
        *shares, missing = [_round(share) for share in counts.tolist()]
        found[f"{name}:{shape}"] = Distribution(shape=shape, shares=tuple(shares), missing=missing)
    return found


def number_cells(edges: tuple[float, ...], values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the cell of each known value: 0 below the first edge, the number of edges above the last; NaN is 0.

    Comparing with each edge is faster than a binary search where there are few.
    """
    bounds = np.array([*edges, *edges] if len(edges) == 1 else edges, dtype=np.float64)
    cells = np.zeros(len(values), dtype=np.uint8)
    for bound in bounds[:-1]:
        cells += values >= bound
    if len(bounds):
        cells += values > bounds[-1]
    return cells


def timestamp_cells(shape: Shape, values: NDArray[Any]) -> NDArray[np.intp]:
    """Return the hour (0 to 23) or the weekday (0 is Monday) of each timestamp; after the last for a missing one."""
    hours = values.astype("datetime64[h]").astype(np.int64)
    cells = hours % 24 if shape is Shape.HOUR else (hours // 24 + 3) % 7
    return np.where(np.isnat(values), 24 if shape is Shape.HOUR else 7, cells)


def _edges(known: NDArray[np.float64]) -> tuple[float, ...]:
    distinct, counts = np.unique(known, return_counts=True)
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL], method="nearest")
    common = np.flatnonzero(counts >= _ATOM * len(known))
    atoms = distinct[common]
    after = distinct[np.minimum(common + 1, len(distinct) - 1)]
    rest = known[~np.isin(known, atoms) & (known >= low) & (known <= high)]
    cuts = np.quantile(rest, np.linspace(0, 1, BINS + 1)[1:-1], method="nearest") if len(rest) else []
    edges = np.unique([low, high, *atoms, *after, *cuts])
    edges = edges[(edges >= low) & (edges <= high)]
    # One value has a bin from itself to itself.
    return tuple(edges.tolist()) if len(edges) > 1 else (float(low), float(low))


def _round(value: float) -> float:
    return float(f"{value:.6g}")
