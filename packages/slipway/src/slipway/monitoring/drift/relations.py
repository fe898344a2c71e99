"""Hold the mean of each number against what the other numbers of the same days say of it.

A distance of distributions cannot exceed 1, and seasons come near to that: another unit may look like a cold week. The
numbers of a day go together, whatever the season: each one's daily mean is predicted from the means and the missing
shares of the others, by a ridge regression over the blocks of the reference (Hoerl and Kennard, Technometrics 12,
1970). What is compared is the deviation of a window from the prediction, beside that of the days before: it has no
upper bound, and no season where the relation has none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order, Profile
from slipway.monitoring.drift.figures import Statistic, Tracked
from slipway.monitoring.drift.limits import RECENT, Against, Limit, calibrate_limit, list_runs
from slipway.training.reference.blocks import BlockSeries

# Shrinks the coefficients, in variances of a predictor.
_RIDGE = 1e-3
# Blocks are predicted by a fit that leaves out the four weeks around them, as days to come are not in the fit.
_FOLD, _FEWEST_BLOCKS = RECENT, 2 * RECENT
# A number is watched where the others explain so much of the variance of its daily means.
_EXPLAINED = 0.5
# Predictors of a number, those that correlate most: more would cost seconds and explain little.
_MOST_PREDICTORS = 16
# A missing share that varies by less tells nothing; nor does a number without a value on more of the days.
_GAP, UNKNOWN = 0.01, 0.25


class _Line(NamedTuple):
    """A fitted prediction; a predictor outside of the fitted range counts as its end."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    constant: float

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.constant + np.clip(values, self.low, self.high) @ self.coefficients


class Relations:
    """The predictions of one reference, each fitted once for a set of columns that are left out.

    `numbers` predict, and those that are `watched` are predicted by the others.
    """

    def __init__(self, series: BlockSeries, numbers: Sequence[str]) -> None:
        self.series, self.numbers = series, tuple(numbers)
        self._gaps = [name for name in self.numbers if _missing_share(series, name).std() > _GAP]
        table = self._tabulate(series)
        self._usual = np.nanmedian(table, axis=0)
        self._values = self._fill(table)
        self._alike = _correlate(self._values)
        self._lines: dict[tuple[str, tuple[int, ...]], _Line] = {}
        self._limits: dict[tuple[str, tuple[int, ...], int, float], Limit | None] = {}
        self.watched = tuple(name for name in self.numbers if self._explain(name) >= _EXPLAINED)

    def deviate(self, name: str, without: frozenset[str], series: BlockSeries) -> Tracked:
        """Return the deviations of a number by day of `series` from what the others say, except those `without`."""
        used = self._used(name, without)
        key = (name, used)
        if key not in self._lines:
            self._lines[key] = self._fit(name, used, np.ones(len(self.series.rows), dtype=bool))
        predicted = self._lines[key].predict(self._fill(self._tabulate(series))[:, list(used)])
        return _track(name, series, series.means[name] - predicted)

    def limit(self, name: str, without: frozenset[str], length: int, false_alarms: float) -> Limit | None:
        """Return the limit of the change of the deviation for windows of `length` days."""
        key = (name, self._used(name, without), length, false_alarms)
        if key not in self._limits:
            tracked, runs = self._deviate_unseen(name, without), list_runs(self.series, length)
            self._limits[key] = calibrate_limit(tracked, runs, self.series.rows, Against.RECENT, false_alarms)
        return self._limits[key]

    def others(self, name: str) -> frozenset[str]:
        """Return all numbers but one."""
        return frozenset(self.numbers) - {name}

    def _explain(self, name: str) -> float:
        """Return the share of the variance of a number's daily means that the others explain."""
        sums, rows = self._deviate_unseen(name, frozenset()).cells.T
        means = self.series.means[name]
        middle = np.nansum(rows * means) / rows.sum()
        whole = np.nansum(rows * (means - middle) ** 2)
        return float(1 - (sums**2 / np.maximum(rows, 1)).sum() / whole) if whole > 0 else 0.0

    def _deviate_unseen(self, name: str, without: frozenset[str]) -> Tracked:
        used, values = self._used(name, without), self._values
        folds = (self.series.days - self.series.days[0]) // _FOLD
        predicted = np.empty(len(folds))
        for fold in np.unique(folds):
            outside = folds == fold
            predicted[outside] = self._fit(name, used, ~outside).predict(values[outside][:, list(used)])
        return _track(name, self.series, self.series.means[name] - predicted)

    def _used(self, name: str, without: frozenset[str]) -> tuple[int, ...]:
        """Return the places of the predictors of a number."""
        columns = [*self.numbers, *self._gaps]
        found = [place for place, each in enumerate(columns) if each != name and each not in without]
        alike = self._alike[self.numbers.index(name)]
        return tuple(sorted(sorted(found, key=lambda place: -alike[place])[:_MOST_PREDICTORS]))

    def _fit(self, name: str, used: Sequence[int], inside: NDArray[np.bool_]) -> _Line:
        target = self.series.means[name]
        inside = inside & ~np.isnan(target)
        rows, values = self.series.rows[inside].astype(np.float64), self._values[inside][:, list(used)]
        weights, aim = rows / max(1.0, rows.sum()), target[inside]
        middle, level = weights @ values, float(weights @ aim)
        spread = np.sqrt(weights @ (values - middle) ** 2)
        scaled = (values - middle) / np.where(spread > 0, spread, np.inf)
        products = (scaled * weights[:, None]).T @ scaled + _RIDGE * np.eye(len(used))
        coefficients = np.linalg.solve(products, (scaled * weights[:, None]).T @ (aim - level))
        coefficients = coefficients / np.where(spread > 0, spread, np.inf)
        return _Line(values.min(axis=0), values.max(axis=0), coefficients, level - float(middle @ coefficients))

    def _tabulate(self, series: BlockSeries) -> NDArray[np.float64]:
        """Return the means of the numbers, then the missing shares; NaN for columns that are not logged."""
        nothing = np.full(len(series.days), np.nan)
        means = [series.means.get(name, nothing) for name in self.numbers]
        gaps = [_missing_share(series, name) if name in series.counts else nothing for name in self._gaps]
        return np.column_stack([*means, *gaps])

    def _fill(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.isnan(values), self._usual, values)


def make_relations(profile: Profile, series: BlockSeries | None) -> Relations | None:
    """Return the relations of a reference, None where its blocks are no days or too few, or no numbers go together."""
    if series is None or series.order is not Order.DAYS or len(series.days) < _FEWEST_BLOCKS:
        return None
    known = [name for name in sorted(series.means) if np.isnan(series.means[name]).mean() <= UNKNOWN]
    numbers = [name for name in known if name in profile.inputs]
    relations = Relations(series, numbers) if len(numbers) > 1 else None
    return relations if relations and relations.watched else None


def _correlate(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the size of the correlation of each two columns, 0 for a constant one."""
    centred = values - values.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(lengths > 0, lengths, np.inf)
    return np.abs(scaled.T @ scaled)


def _missing_share(series: BlockSeries, name: str) -> NDArray[np.float64]:
    return np.asarray(series.counts[name][:, -1] / np.maximum(series.rows, 1))


def _track(name: str, series: BlockSeries, deviations: NDArray[np.float64]) -> Tracked:
    known = np.where(np.isnan(deviations), 0, series.rows - series.counts[name][:, -1])
    return Tracked(
        f"relation:{name}", name, Statistic.LEVEL, np.column_stack([known * np.nan_to_num(deviations), known])
    )
