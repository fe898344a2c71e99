"""Measure the drift of windows of production: every input, score, missing, unseen and repeated values, and volume."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order
from slipway.figures import Figure
from slipway.monitoring.drift.exact import check_days
from slipway.monitoring.drift.figures import RANGE, Statistic, Tracked, compare_runs, to_distance, track_figures
from slipway.monitoring.drift.limits import (
    FALSE_ALARMS,
    FEWEST_RECENT,
    RECENT,
    Against,
    Calibration,
    Limit,
    allow_noise,
)
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.measurement import Measurement
from slipway.training.reference.blocks import BlockSeries, make_series
from slipway.training.reference.histograms import DayHistograms

# Days whose figures were unusual are left out of the recent reference, which then reaches back this far at most: a
# fault must not become the norm, but after as long a change is one.
_REACH = 2 * RECENT
# Without a sealed reference the log's own days are calibrated on, once there are this many.
_OWN_DAYS = 2 * RECENT
# New categories come now and then; a share below this is never an alarm.
_FEWEST_UNSEEN = 0.005


class Days(NamedTuple):
    """A window: its first day, in days since 1970, and its length."""

    first: int
    length: int


class DriftRules(msgspec.Struct, frozen=True, kw_only=True):
    """The stated rate of false alarms for all figures of a window, and the reference of a column where it is declared.

    A declared column is compared with the recent past (`recent`) or with the training days (`profile`), whatever the
    reference's own blocks say of its seasons.
    """

    false_alarms: float = FALSE_ALARMS
    against: Mapping[str, Against] = {}


def measure_drift_windows(
    reference: DriftReference, histograms: DayHistograms, windows: Sequence[Days], rules: DriftRules | None = None
) -> list[tuple[Measurement, ...]]:
    """Measure windows in their order; `histograms` should begin `RECENT` days before the first one.

    A figure above its limit keeps the days of that window out of the column's recent reference. The same histograms
    give the same figures; begin with the oldest days that are kept.
    """
    unusual: dict[str, set[int]] = {}
    rules, found = rules or DriftRules(), []
    calibration = calibrate_reference(reference, rules)
    for window in windows:
        found.append(measure_drift(reference, histograms, window, unusual, rules, calibration))
        for each in found[-1]:
            if is_unusual(each):
                unusual.setdefault(each.name, set()).update(range(window.first, window.first + window.length))
    return found


def measure_drift(
    reference: DriftReference,
    histograms: DayHistograms,
    window: Days,
    unusual: Mapping[str, set[int]] | None = None,
    rules: DriftRules | None = None,
    calibration: Calibration | None = None,
) -> tuple[Measurement, ...]:
    """Measure one window of `histograms` against the days before it or the reference, the most unusual figure first.

    `unusual` names the days that are left out of the recent reference, by figure; `calibration` is that of
    `calibrate_reference`, made here where it is not given. Figures above their limit come first,
    in the order of how far above.
    """
    rules, unusual = rules or DriftRules(), unusual or {}
    series = make_series(histograms)
    inside = (series.days >= window.first) & (series.days < window.first + window.length)
    tracked = track_figures(reference, series)
    share = rules.false_alarms / max(1, len(tracked))
    calibration = calibration or calibrate_reference(reference, rules)
    calibration = calibration or _calibrate_own(reference, series, window, share)
    found = []
    for each in tracked:
        recent = _recent_days(series, window, unusual.get(each.name, set()))
        case = _Case(each, calibration, inside, int(series.rows[inside].sum()), recent, window, share, reference)
        found.append(case.measure(rules.against.get(each.column)))
    found += check_days(reference, histograms, series, inside)
    return tuple(sorted(found, key=_excess, reverse=True))


def calibrate_reference(reference: DriftReference, rules: DriftRules) -> Calibration | None:
    """Return the limits of the sealed reference, None for a bundle without blocks."""
    if reference.series is None:
        return None
    tracked = track_figures(reference, reference.series)
    return Calibration(reference.series, tracked, rules.false_alarms / len(tracked))


def is_unusual(measurement: Measurement) -> bool:
    """Tell whether a figure is above its limit."""
    return bool(measurement.figure and measurement.limit is not None and measurement.figure.value > measurement.limit)


class _Case(NamedTuple):
    """One figure of one window with all that it is compared with."""

    tracked: Tracked
    calibration: Calibration | None
    inside: NDArray[np.bool_]
    rows: int
    recent: NDArray[np.bool_]
    window: Days
    share: float
    reference: DriftReference

    def measure(self, declared: Against | None) -> Measurement:
        cells = self.tracked.cells
        rows = cells[self.inside].sum()
        against, note = self._choose(declared)
        if not self.inside.any() or rows == 0:
            return self._measurement(note="no values in this window" if self.inside.any() else "no rows in this window")
        if against is None:
            return self._measurement(rows=int(rows), note=note)
        window = cells[self.inside].sum(axis=0, keepdims=True)
        other = self._other(against)
        if self.tracked.statistic is Statistic.VOLUME:
            window, other = window / self.window.length, other / max(1, self.recent.sum())
        value = float(compare_runs(self.tracked.statistic, window, other)[0])
        if not np.isfinite(value):
            return self._measurement(rows=int(rows), note="no values in the reference")
        limit = self._limit(against)
        if self.tracked.name.startswith(RANGE):
            return self._express(value, None, None, window, other, int(rows), f"{note}; shown, without a limit")
        largest = None if limit is None else allow_noise(limit, self.tracked, rows, other.sum(), self.share)
        note = note if largest is not None else f"{note}; no limit: too few runs of days in the reference"
        return self._express(value, largest, limit, window, other, int(rows), note)

    def _choose(self, declared: Against | None) -> tuple[Against | None, str]:
        """Return the reference of this figure, and say which it is."""
        enough = int(self.recent.sum()) >= FEWEST_RECENT
        calibration = self.calibration
        if self.tracked.statistic is Statistic.VOLUME or self.reference.series is None:
            wanted = Against.RECENT
        elif calibration is None or calibration.series.order is not Order.DAYS:
            wanted = Against.PROFILE
        elif not self.tracked.column and self.tracked.statistic is Statistic.DISTANCE:
            # Scores of training rows are sharper than those of new ones.
            wanted = Against.RECENT
        else:
            seasons = calibration.seasons(self.tracked.name, self.window.length)
            wanted = Against.RECENT if seasons else Against.PROFILE
        wanted = declared or wanted
        if wanted is Against.PROFILE:
            return wanted, "against all training rows"
        if enough:
            return wanted, f"against the {self.recent.sum()} days before"
        if self.tracked.statistic is Statistic.VOLUME or self.reference.series is None:
            return None, f"only {self.recent.sum()} days before this window, {FEWEST_RECENT} needed"
        return Against.PROFILE, f"against all training rows: only {self.recent.sum()} days before this window"

    def _other(self, against: Against) -> NDArray[np.float64]:
        if against is Against.PROFILE and self.calibration is not None:
            return self.calibration.tracked[self.tracked.name].cells.sum(axis=0, keepdims=True)
        return self.tracked.cells[self.recent].sum(axis=0, keepdims=True)

    def _limit(self, against: Against) -> Limit | None:
        if self.calibration is None:
            return None
        return self.calibration.limit(self.tracked.name, against, self.window.length, self.rows)

    def _express(
        self,
        value: float,
        largest: float | None,
        limit: Limit | None,
        window: NDArray[np.float64],
        other: NDArray[np.float64],
        rows: int,
        note: str,
    ) -> Measurement:
        """Write the statistic as a reader knows it: a distance, a share, or how many times the rows of before."""
        match self.tracked.statistic:
            case Statistic.DISTANCE:
                usual = None if limit is None else Figure(value=to_distance(limit.usual))
                top = None if largest is None else to_distance(largest)
                return self._measurement(Figure(value=to_distance(value)), usual, top, rows, note)
            case Statistic.VOLUME:
                text = f"{window[0, 0]:,.0f} rows a day, {other[0, 0]:,.0f} {note}"
                top = None if largest is None else float(np.exp(largest))
                return self._measurement(Figure(value=float(np.exp(abs(value)))), Figure(value=1.0), top, rows, text)
        share, before = (float(each[0, 0] / each.sum()) for each in (window, other))
        top = None
        if largest is not None:
            top = float(np.sin(min(np.arcsin(np.sqrt(before)) + largest, np.pi / 2)) ** 2)
            if self.tracked.name.startswith("unseen:"):
                novel = self.reference.profile.blocks.novel if self.reference.profile.blocks else {}
                top = max(top, 1.5 * novel.get(self.tracked.column, 0.0), _FEWEST_UNSEEN)
        return self._measurement(Figure(value=share), Figure(value=before), top, rows, note)

    def _measurement(
        self,
        figure: Figure | None = None,
        reference: Figure | None = None,
        limit: float | None = None,
        rows: int = 0,
        note: str = "",
    ) -> Measurement:
        rank = self.reference.ranks.get(self.tracked.column)
        return Measurement(
            name=self.tracked.name, figure=figure, reference=reference, limit=limit, rows=rows, note=note, rank=rank
        )


def _recent_days(series: BlockSeries, window: Days, unusual: set[int]) -> NDArray[np.bool_]:
    """Return which days are the recent reference: the newest `RECENT` usual ones of the last eight weeks.

    Where too few of them were usual, a change has lasted and the last four weeks are taken as they are.
    """
    before = (series.days < window.first) & (series.days >= window.first - _REACH)
    usual = before & ~np.isin(series.days, list(unusual))
    chosen = np.flatnonzero(usual)[-RECENT:]
    if len(chosen) < FEWEST_RECENT:
        chosen = np.flatnonzero(before & (series.days >= window.first - RECENT))
    found = np.zeros(len(series.days), dtype=bool)
    found[chosen] = True
    return found


def _calibrate_own(reference: DriftReference, series: BlockSeries, window: Days, share: float) -> Calibration | None:
    """Return limits from the log's own days before the window, where there are enough to calibrate on."""
    end = int(np.searchsorted(series.days, window.first))
    if end < _OWN_DAYS:
        return None
    own = msgspec.structs.replace(
        series,
        days=series.days[:end],
        rows=series.rows[:end],
        counts={name: counts[:end] for name, counts in series.counts.items()},
        means={name: means[:end] for name, means in series.means.items()},
        repeated=series.repeated[:end],
        stale=series.stale[:end],
    )
    return Calibration(own, track_figures(reference, own), share)


def _excess(measurement: Measurement) -> float:
    if measurement.figure is None or measurement.limit is None:
        return -1.0
    return measurement.figure.value / max(measurement.limit, 1e-9)
