"""The figures that are compared: distances of distributions, shares, and the volume, each of runs of days."""

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Shape
from slipway.monitoring.drift.reference import DriftReference
from slipway.training.reference.blocks import BlockSeries
from slipway.training.reference.cells import UNSEEN, base_column
from slipway.training.reference.histograms import watched_distributions

# The difference from 1 of the distance of distributions that share no cell.
_NOTHING = 1e-4


# Extremes of weather come in runs that no earlier run foretells: this share is shown, and has no limit.
RANGE = "range:"


class Statistic(StrEnum):
    """The statistic by which a run of days is compared with another."""

    DISTANCE = "distance"
    SHARE = "share"
    VOLUME = "volume"
    LEVEL = "level"


class Tracked(NamedTuple):
    """One figure by day: the cells that are summed over a run of days.

    A share has two: its rows, and the others. A level has two as well: a sum over rows, and the rows.
    """

    name: str
    column: str
    statistic: Statistic
    cells: NDArray[np.float64]


def track_figures(reference: DriftReference, series: BlockSeries) -> tuple[Tracked, ...]:
    """Return the figures of each input and score, of repeated rows and of the volume, by day of `series`."""
    found = [Tracked("volume", "", Statistic.VOLUME, series.rows[:, None].astype(np.float64))]
    found.append(_share("duplicates", "", series.repeated * series.rows, series.rows))
    seen = set()
    for name, distribution in watched_distributions(reference.profile).items():
        if name not in series.counts:
            continue
        counts, column = series.counts[name], "" if name.startswith("score") else base_column(name)
        known = counts[:, :-1].astype(np.float64)
        if known.shape[1] > 1:
            found.append(Tracked(f"drift:{name}", column, Statistic.DISTANCE, known))
        if not column:
            continue
        if column not in seen:
            found.append(_share(f"missing:{column}", column, counts[:, -1], series.rows))
        seen.add(column)
        if distribution.cells is Shape.CATEGORY:
            found.append(_share(f"unseen:{column}", column, counts[:, UNSEEN], known.sum(axis=1)))
        elif distribution.cells is Shape.NUMBER and distribution.edges:
            found.append(_share(RANGE + column, column, counts[:, 0] + counts[:, -2], known.sum(axis=1)))
    return tuple(found)


def compare_runs(
    statistic: Statistic, window: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the statistic of each row of `window` against the same row of `reference`; NaN where either is empty.

    Distance: -log(1 - D), where D is the Jensen-Shannon distance, the root of the divergence in bits (Endres and
    Schindelin, IEEE Transactions on Information Theory 49, 2003): near to D where it is small, and without a bound, so
    that a margin above the distances of weather, which are large, can be exceeded. Share: the difference of the angles
    whose squared sine the shares are, so that its spread depends on the number of rows alone. Volume: the logarithm of
    the ratio of rows a day. Level: the difference of the means.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if statistic is Statistic.VOLUME:
            return np.where((window > 0) & (reference > 0), np.log(window / reference), np.nan)[:, 0]
        if statistic is Statistic.LEVEL:
            return np.asarray(window[:, 0] / window[:, 1] - reference[:, 0] / reference[:, 1])
        first = window / window.sum(axis=1, keepdims=True)
        second = reference / reference.sum(axis=1, keepdims=True)
        if statistic is Statistic.SHARE:
            return np.arcsin(np.sqrt(first[:, 0])) - np.arcsin(np.sqrt(second[:, 0]))
        middle = (first + second) / 2
        parts = [np.where(each > 0, each * np.log2(each / middle), 0.0).sum(axis=1) for each in (first, second)]
        empty = np.isnan(first[:, 0]) | np.isnan(second[:, 0])
        distance = np.sqrt(np.clip(sum(parts) / 2, 0, 1))
        return np.where(empty, np.nan, -np.log(np.maximum(1 - distance, _NOTHING)))


def to_distance(statistic: float) -> float:
    """Return the Jensen-Shannon distance, 0 to 1, of the statistic that `compare_runs` gives."""
    return float(1 - np.exp(-statistic))


def sum_runs(tracked: Tracked, lows: NDArray[np.intp], highs: NDArray[np.intp]) -> NDArray[np.float64]:
    """Add the cells of days `lows` to `highs` (exclusive); for the volume, return the mean of the days."""
    totals = np.vstack([np.zeros_like(tracked.cells[:1]), tracked.cells.cumsum(axis=0)])
    found = totals[highs] - totals[lows]
    return found / np.maximum(highs - lows, 1)[:, None] if tracked.statistic is Statistic.VOLUME else found


def _share(name: str, column: str, part: NDArray[Any], whole: NDArray[Any]) -> Tracked:
    cells = np.column_stack([part, whole - part]).astype(np.float64)
    return Tracked(name, column, Statistic.SHARE, np.maximum(cells, 0))
