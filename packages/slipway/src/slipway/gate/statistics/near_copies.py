"""Count held-out rows that have a near copy in the training set, beside what groups of the training set have.

Rows are equal at a scale where all their values fall into the same cells of a grid: a number's cell is a share of its
standard deviation wide, a time counts by its time of day, text and missing values are themselves. A copy that was
changed a little meets its original at some scale in some grid, whatever the change was; an honest row meets rows of
other groups as often in the holdout as in the training set.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Vector
from slipway.gate.statistics.paired import estimate_share

if TYPE_CHECKING:
    import pandas as pd

# Widths of cells, in standard deviations of a column.
SCALES = (0.5, 0.1, 0.02)
# Grids for each scale, each moved by another part of a cell, so that a pair on two sides of an edge meets in some.
_GRIDS = 2
_LEFT_OUT = ("key", "group", "time")
_Hashes = NDArray[np.uint64]


class NearCopies(NamedTuple):
    """The share of the held-out rows with a near copy in the training set, and of training rows in another group.

    `error` is the standard error of the difference over groups, `scale` the width of cells in standard deviations.
    """

    scale: float
    held: float
    trained: float
    error: float

    @property
    def excess(self) -> float:
        """Return by how much the difference of the shares is more than three standard errors."""
        return self.held - self.trained - 3 * self.error


def count_near_copies(train: "pd.DataFrame", holdout: "pd.DataFrame") -> NearCopies:
    """Return the counts at the scale with the largest excess."""
    rng = np.random.default_rng(0)
    parts = [_numbers(train, holdout, name) for name in train.columns if name not in _LEFT_OUT and name in holdout]
    groups = [_codes_of_groups(part) for part in (train, holdout)]
    found = []
    for scale in SCALES:
        held, trained = np.zeros(len(holdout), dtype=bool), np.zeros(len(train), dtype=bool)
        for _ in range(_GRIDS):
            hashes = _hash_rows(parts, scale, rng)
            ours, theirs = hashes[: len(train)], hashes[len(train) :]
            order = np.argsort(ours)
            trained[order] |= _in_other_groups(ours[order], groups[0][order])
            place = np.searchsorted(ours, theirs, sorter=order)
            held |= ours[order[np.minimum(place, len(ours) - 1)]] == theirs
        (here, spread), (beside, other) = _share(held, groups[1]), _share(trained, groups[0])
        found.append(NearCopies(scale, here, beside, float(np.hypot(spread, other))))
    return max(found, key=lambda each: each.excess)


class _Column(NamedTuple):
    """A column of both parts, training set first: numbers in standard deviations, or codes that are cells already."""

    values: Vector
    exact: bool


def _numbers(train: "pd.DataFrame", holdout: "pd.DataFrame", name: str) -> _Column:
    import pandas as pd

    both = pd.concat([train[name], holdout[name]], ignore_index=True)
    if pd.api.types.is_datetime64_any_dtype(both):
        both = (both - both.dt.normalize()) / pd.Timedelta(minutes=1)
    elif not pd.api.types.is_numeric_dtype(both) or pd.api.types.is_bool_dtype(both):
        return _Column(pd.factorize(both)[0].astype(np.float64), True)
    values = both.to_numpy(dtype=np.float64, na_value=np.nan)
    spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
    return _Column(values / spread, False) if spread > 0 else _Column(np.nan_to_num(values), True)


def _hash_rows(columns: list[_Column], scale: float, rng: np.random.Generator) -> _Hashes:
    """Hash the cells of every row; different rows of cells hardly ever have one hash."""
    found = np.zeros(len(columns[0].values), dtype=np.uint64)
    for values, exact in columns:
        cells = values if exact else np.floor(values / scale + rng.random())
        whole = np.where(np.isfinite(cells), cells, -(2.0**40)).astype(np.int64).view(np.uint64)
        # Mixes as splitmix64 does (Steele, Lea and Flood, OOPSLA 2014).
        found = (found ^ whole) * np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(27)
        found *= np.uint64(0x94D049BB133111EB)
        found ^= found >> np.uint64(31)
    return found


def _in_other_groups(hashes: _Hashes, group: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mark rows, in the order of their hashes, whose hash occurs in a group other than their own."""
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    several = np.minimum.reduceat(group, starts) != np.maximum.reduceat(group, starts)
    return np.repeat(several, np.diff(np.r_[starts, len(hashes)]))


def _codes_of_groups(part: "pd.DataFrame") -> NDArray[np.intp]:
    import pandas as pd

    return np.asarray(pd.factorize(part["group"])[0], dtype=np.intp)


def _share(found: NDArray[np.bool_], group: NDArray[np.intp]) -> tuple[float, float]:
    """Return the share of marked rows, and its standard error over groups."""
    marked = np.bincount(group, weights=found.astype(np.float64))
    share, error = estimate_share(marked.astype(np.float64), np.bincount(group).astype(np.float64))
    return share, error or 0.0
