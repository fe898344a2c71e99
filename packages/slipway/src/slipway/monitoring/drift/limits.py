"""Limits for the figures of a window, from runs of consecutive blocks of the reference.

Rows of a day share their fate and days their weather, so a limit from rows or days drawn one by one is too low: it is
taken from runs as long as the window. The limit is the larger of `MARGIN` times the largest run of the reference, and
the bound that one more run exceeds with the stated probability: for a figure with mean m and deviation s over n
disjoint runs (fewer where neighbours are alike), m + t s sqrt(1 + 1/n), with the quantile t of Student's distribution
(Hahn, Journal of the American Statistical Association 64, 1969); the probability is shared out evenly over all figures
(Bonferroni).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order
from slipway.monitoring.drift.figures import Statistic, Tracked, compare_runs, sum_runs
from slipway.training.reference.blocks import BlockSeries

# False alarms for the whole set of figures: one clean window in 100.
FALSE_ALARMS = 0.01
MARGIN = 1.5
# Days of the recent reference, and the fewest of them with rows.
RECENT, FEWEST_RECENT = 28, 14
# Runs so many lengths apart, or more, are no neighbours.
_FAR = 4
# Disjoint runs without which a deviation means nothing.
_FEWEST_RUNS = 4


class Against(StrEnum):
    """The reference of a figure: the days before the window, or all blocks of the training rows."""

    RECENT = "recent"
    PROFILE = "profile"


class Limit(NamedTuple):
    """The largest usual value of a statistic, its usual value (the median), and the rows of the runs it comes from."""

    largest: float
    usual: float
    rows: float


class Runs(NamedTuple):
    """Runs of consecutive blocks: each a range of places, and the range of the blocks before it."""

    lows: NDArray[np.intp]
    highs: NDArray[np.intp]
    before_lows: NDArray[np.intp]
    before_highs: NDArray[np.intp]
    disjoint: float
    step: int


class Calibration:
    """The limits of one reference, each computed once for windows of a length."""

    def __init__(self, series: BlockSeries, tracked: Sequence[Tracked], false_alarms: float) -> None:
        self.series = series
        self.tracked = {each.name: each for each in tracked}
        self._false_alarms = false_alarms
        self._runs: dict[tuple[int, int], Runs] = {}
        self._limits: dict[tuple[str, Against, int, int], Limit | None] = {}

    def limit(self, name: str, against: Against, length: int, rows: int) -> Limit | None:
        """Return the limit of a figure for windows of `length` days, or of `rows` where blocks are no days."""
        if name not in self.tracked:
            return None
        step = _count_blocks(self.series, length, rows)
        key = (name, against, length, step)
        if key not in self._limits:
            runs = self._list(length, step)
            found = calibrate_limit(self.tracked[name], runs, self.series.rows, against, self._false_alarms)
            self._limits[key] = found
        return self._limits[key]

    def seasons(self, name: str, length: int) -> bool:
        """Tell whether a figure has seasons: its runs differ more from all blocks than from the four weeks before them.

        False where blocks are no days.
        """
        if self.series.order is not Order.DAYS or name not in self.tracked:
            return False
        whole, recent = (self.limit(name, each, length, 0) for each in (Against.PROFILE, Against.RECENT))
        return recent is not None and (whole is None or whole.usual > recent.usual)

    def _list(self, length: int, step: int) -> "Runs":
        if (length, step) not in self._runs:
            self._runs[length, step] = list_runs(self.series, step)
        return self._runs[length, step]


def _count_blocks(series: BlockSeries, length: int, rows: int) -> int:
    """Return how many places a window of `length` days takes: as many days, or blocks that hold about `rows`."""
    if series.order is Order.DAYS:
        return length
    return int(np.clip(round(rows / series.rows.mean()), 1, max(1, len(series.rows) // _FEWEST_RUNS)))


def list_runs(series: BlockSeries, step: int) -> Runs:
    """Return the runs of `step` days, each with the `RECENT` days before it; of blocks where there are no days.

    Blocks may have gaps, the days that were held out: runs with fewer than half as many blocks as usual are left out.
    """
    days = series.days
    starts = np.arange(days[0], days[-1] - step + 2)
    places = [np.searchsorted(days, each) for each in (starts, starts + step, starts - RECENT, starts)]
    held = places[1] - places[0]
    whole = held * 2 >= np.median(held) if len(held) else held > 0
    lows, highs, before_lows, before_highs = (each[whole & (held > 0)] for each in places)
    return Runs(lows, highs, before_lows, before_highs, (len(starts) + step - 1) / step, step)


def calibrate_limit(
    tracked: Tracked, runs: Runs, rows: NDArray[np.int64], against: Against, false_alarms: float
) -> Limit | None:
    """Return the limit of one figure at the probability `false_alarms`, None where the reference is too short."""
    found = _compare(tracked, runs, against)
    known = ~np.isnan(found)
    if runs.disjoint * (known.mean() if len(known) else 0) < _FEWEST_RUNS:
        return None
    from scipy.special import stdtrit

    # Against the weeks before, seasons are gone from the differences, and what is alike is these alone.
    serial = _likeness(tracked, runs) if against is Against.PROFILE else _correlation(found, runs.step)
    # Fewer count where neighbours are alike (Bayley and Hammersley, Supplement to the Journal of the Royal Statistical
    # Society 8, 1946).
    independent = max(_FEWEST_RUNS, runs.disjoint * known.mean() * (1 - serial) / (1 + serial))
    # A run of the reference is nearer to its mean than a run that comes later will be: it is a part of that mean.
    nearer = np.sqrt((1 + 1 / independent) / (1 - 1 / independent)) if against is Against.PROFILE else 1.0
    values = found[known] * nearer
    spread = float(stdtrit(independent - 1, 1 - false_alarms)) * np.sqrt(1 + 1 / independent)
    if tracked.statistic is Statistic.DISTANCE:
        bound, largest = values.mean() + spread * values.std(ddof=1), values.max()
    else:
        # All others differ to both sides; only a share that rises is unusual.
        both = values if tracked.statistic is Statistic.SHARE else np.abs(values)
        bound, largest = spread * np.sqrt((values**2).mean()), max(0.0, both.max())
    held = [rows[low:high].sum() for low, high in zip(runs.lows[known], runs.highs[known], strict=True)]
    return Limit(float(max(MARGIN * largest, bound)), float(np.median(np.abs(values))), float(np.median(held)))


def allow_noise(limit: Limit, tracked: Tracked, rows: float, against_rows: float, false_alarms: float) -> float:
    """Raise a limit for a window of fewer rows than the runs it comes from, and to what chance alone gives.

    The divergence of two samples of one distribution is chi-squared over 8 times the rows (in nats; Lin, IEEE
    Transactions on Information Theory 37, 1991, to the second order), the angle of a share normal, and the deviation of
    a number half of its range at most.
    """
    if tracked.statistic is Statistic.VOLUME:
        return limit.largest
    from scipy.special import chdtri, ndtri

    if tracked.statistic is Statistic.DISTANCE:
        free = max(1, int((tracked.cells.sum(axis=0) > 0).sum()) - 1)
        noise = float(chdtri(free, false_alarms)) / 8 / np.log(2)
    else:
        noise = float(ndtri(1 - false_alarms)) ** 2 / 4
    added = max(0.0, noise / rows - noise / limit.rows)
    alone = noise * (1 / rows + 1 / max(1.0, against_rows))
    return float(np.sqrt(max(limit.largest**2 + added, alone)))


def _likeness(tracked: Tracked, runs: Runs) -> float:
    """Return how alike neighbouring runs are, 0 to 1: one minus the ratio of their mean squared difference to others'.

    A variogram (Cressie, Statistics for Spatial Data, 1993), whose ratio is 1 where rows of any day are alike.
    """
    sums, step = sum_runs(tracked, runs.lows, runs.highs), runs.step
    apart = [_squared_difference(tracked, sums, lag) for lag in range(step, len(sums), step)]
    if len(apart) <= _FAR:
        return 0.0
    far = float(np.nanmean(apart[_FAR:]))
    return float(np.clip(1 - apart[0] / far, 0, 0.95)) if far > 0 else 0.0


def _correlation(found: NDArray[np.float64], step: int) -> float:
    """Return the correlation of the statistic of neighbouring runs, 0 to 1."""
    first, second = found[:-step], found[step:]
    both = ~np.isnan(first) & ~np.isnan(second)
    if both.sum() < _FEWEST_RUNS or first[both].std() == 0 or second[both].std() == 0:
        return 0.0
    return float(np.clip(np.corrcoef(first[both], second[both])[0, 1], 0, 0.95))


def _squared_difference(tracked: Tracked, sums: NDArray[np.float64], lag: int) -> float:
    found = compare_runs(tracked.statistic, sums[lag:], sums[:-lag]) ** 2
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def _compare(tracked: Tracked, runs: Runs, against: Against) -> NDArray[np.float64]:
    window = sum_runs(tracked, runs.lows, runs.highs)
    if against is Against.PROFILE:
        every = sum_runs(tracked, np.zeros_like(runs.lows), np.full_like(runs.highs, len(tracked.cells)))
        # Of the volume it is the mean of all days; of cells, those of all other blocks.
        others = every if tracked.statistic is Statistic.VOLUME else every - window
        return compare_runs(tracked.statistic, window, others)
    before = sum_runs(tracked, runs.before_lows, runs.before_highs)
    found = compare_runs(tracked.statistic, window, before)
    held = runs.before_highs - runs.before_lows
    return np.where(held >= min(FEWEST_RECENT, np.median(held)), found, np.nan) if len(held) else found
