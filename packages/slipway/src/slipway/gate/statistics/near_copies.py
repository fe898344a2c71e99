"""Count held-out rows that have a near copy in the training set, beside what groups of the training set have.

Rows are equal at a scale where all their values fall into the same cells of a grid: a number's cell is a share of its
standard deviation wide, a time counts by its time of day, text and missing values are themselves. A copy that was
changed a little meets its original at some scale in some grid, whatever the change was; an honest row meets rows of
other groups as often in the holdout as in the training set. Copies of which one column was replaced meet their
originals where that column is left out, which each is in turn.
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
# The width at which each column is left out in turn, and how many rows are then compared of many more: those of some
# hashes, which a row and its copies share.
_WITHOUT, _SOME_ROWS = 0.02, 1 << 17
_Hashes = NDArray[np.uint64]
_Codes = NDArray[np.intp]


class NearCopies(NamedTuple):
    """The share of the held-out rows with a near copy in the training set, and of training rows in another group.

    `error` is the standard error of the difference over groups, `scale` the width of cells in standard deviations, and
    `without` the column that was left out, if any.
    """

    scale: float
    held: float
    trained: float
    error: float
    without: str = ""

    @property
    def excess(self) -> float:
        """Return by how much the difference of the shares is more than three standard errors, or than five.

        There are as many comparisons without a column as there are columns, and a holdout of a few groups.
        """
        return self.held - self.trained - (5 if self.without else 3) * self.error


def count_near_copies(train: "pd.DataFrame", holdout: "pd.DataFrame") -> NearCopies:
    """Return the counts at the scale, or without the column, with the largest excess."""
    rng = np.random.default_rng(0)
    names = [name for name in train.columns if name not in _LEFT_OUT and name in holdout]
    parts = [_numbers(train, holdout, name) for name in names]
    groups = (_codes_of_groups(train), _codes_of_groups(holdout))
    found = []
    for scale in SCALES:
        grids = [_hash_columns(parts, scale, rng) for _ in range(_GRIDS)]
        wholes = [np.asarray(np.sum(columns, axis=0, dtype=np.uint64)) for columns in grids]
        found.append(_compare(wholes, groups, scale))
        if scale == _WITHOUT and len(names) > 1:
            for name, column in zip(names, grids[0], strict=True):
                found.append(_compare_some(wholes[0] - column, groups, name))
    return max(found, key=lambda each: each.excess)


def _compare(grids: list[_Hashes], groups: tuple[_Codes, _Codes], scale: float, without: str = "") -> NearCopies:
    """Count the rows with a copy by the hashes of any grid; those of the training set come first."""
    rows = len(groups[0])
    held, trained = np.zeros(len(groups[1]), dtype=bool), np.zeros(rows, dtype=bool)
    for hashes in grids:
        ours, theirs = hashes[:rows], hashes[rows:]
        order = np.argsort(ours)
        ordered = ours[order]
        trained[order] |= _in_other_groups(ordered, groups[0][order])
        held |= ordered[np.minimum(np.searchsorted(ordered, theirs), rows - 1)] == theirs
    (here, spread), (beside, other) = _share(held, groups[1]), _share(trained, groups[0])
    return NearCopies(scale, here, beside, float(np.hypot(spread, other)), without)


def _compare_some(hashes: _Hashes, groups: tuple[_Codes, _Codes], without: str) -> NearCopies:
    kept = hashes % np.uint64(-(-len(hashes) // _SOME_ROWS)) == 0
    ours, theirs = kept[: len(groups[0])], kept[len(groups[0]) :]
    if not ours.any() or not theirs.any():
        return NearCopies(_WITHOUT, 0.0, 0.0, 0.0, without)
    return _compare([hashes[kept]], (groups[0][ours], groups[1][theirs]), _WITHOUT, without)


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


def _hash_columns(columns: list[_Column], scale: float, rng: np.random.Generator) -> list[_Hashes]:
    """Hash the cells of every column; different rows of cells hardly ever have one sum of hashes."""
    found = []
    for number, (values, exact) in enumerate(columns, 1):
        cells = values if exact else np.floor(values / scale + rng.random())
        whole = np.where(np.isfinite(cells), cells, -(2.0**40)).astype(np.int64).view(np.uint64)
        # Mixes as splitmix64 does, whose step tells the columns apart (Steele, Lea and Flood, OOPSLA 2014).
        hashes = whole + np.uint64(number * 0x9E3779B97F4A7C15 % 2**64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            hashes ^= hashes >> np.uint64(shift)
            hashes *= np.uint64(factor)
        found.append(hashes ^ (hashes >> np.uint64(31)))
    return found


def _in_other_groups(hashes: _Hashes, group: _Codes) -> NDArray[np.bool_]:
    """Mark rows, in the order of their hashes, whose hash occurs in a group other than their own."""
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    several = np.minimum.reduceat(group, starts) != np.maximum.reduceat(group, starts)
    return np.repeat(several, np.diff(np.r_[starts, len(hashes)]))


def _codes_of_groups(part: "pd.DataFrame") -> _Codes:
    import pandas as pd

    return np.asarray(pd.factorize(part["group"])[0], dtype=np.intp)


def _share(found: NDArray[np.bool_], group: _Codes) -> tuple[float, float]:
    """Return the share of marked rows, and its standard error over groups."""
    rows = np.bincount(group).astype(np.float64)
    marked = np.bincount(group, weights=found.astype(np.float64)).astype(np.float64)
    share, error = estimate_share(marked[rows > 0], rows[rows > 0])
    return share, error or 0.0
