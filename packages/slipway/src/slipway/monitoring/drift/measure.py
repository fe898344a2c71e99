"""Measure the drift of windows of production: every input, score, missing, unseen and repeated values, and volume."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.monitoring.drift.disagreement import RELATION, Disagreement
from slipway.monitoring.drift.exact import check_days
from slipway.monitoring.drift.figures import track_figures
from slipway.monitoring.drift.limits import (
    FALSE_ALARMS,
    FEWEST_RECENT,
    RECENT,
    Against,
    Calibration,
)
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.drift.relations import Relations, make_relations
from slipway.monitoring.drift.window_figure import DayRange, WindowFigure
from slipway.monitoring.measurement import Measurement
from slipway.training.reference.blocks import BlockSeries, make_series
from slipway.training.reference.histograms import DayHistograms

# Days whose figures were unusual are left out of the recent reference, which then reaches back this far at most: a
# fault must not become the norm, but after as long a change is one.
_REACH = 2 * RECENT
# Without a sealed reference the log's own days are calibrated on, once there are this many.
_OWN_DAYS = 2 * RECENT


class DriftRules(msgspec.Struct, frozen=True, kw_only=True):
    """The stated rate of false alarms for all figures of a window, and the reference of a column where it is declared.

    A declared column is compared with the recent past (`recent`) or with the training days (`profile`), whatever the
    reference's own blocks say of its seasons.
    """

    false_alarms: float = FALSE_ALARMS
    against: Mapping[str, Against] = {}


def measure_drift_windows(
    reference: DriftReference, histograms: DayHistograms, windows: Sequence[DayRange], rules: DriftRules | None = None
) -> list[tuple[Measurement, ...]]:
    """Measure windows in their order; `histograms` should begin `RECENT` days before the first one.

    A figure above its limit keeps the days of that window out of the column's recent reference. The same histograms
    give the same figures; begin with the oldest days that are kept.
    """
    unusual: dict[str, set[int]] = {}
    rules, found = rules or DriftRules(), []
    calibration, relations = _calibrate_reference(reference, rules)
    for window in windows:
        found.append(_measure_window(reference, histograms, window, unusual, rules, calibration, relations))
        for each in found[-1]:
            if is_unusual(each):
                unusual.setdefault(each.name, set()).update(range(window.first, window.first + window.length))
    return found


def is_unusual(measurement: Measurement) -> bool:
    """Tell whether a figure is above its limit."""
    return bool(measurement.figure and measurement.limit is not None and measurement.figure.value > measurement.limit)


def _measure_window(
    reference: DriftReference,
    histograms: DayHistograms,
    window: DayRange,
    unusual: Mapping[str, set[int]],
    rules: DriftRules,
    calibration: Calibration | None,
    relations: Relations | None,
) -> tuple[Measurement, ...]:
    """Measure one window against the days before it or the reference, the figures furthest above their limit first.

    `unusual` names the days that are left out of the recent reference, by figure.
    """
    series = make_series(histograms)
    inside = (series.days >= window.first) & (series.days < window.first + window.length)
    tracked = track_figures(reference, series)
    share = rules.false_alarms / max(1, len(tracked) + (len(relations.watched) if relations else 0))
    calibration = calibration or _calibrate_own(reference, series, window, share)
    found = []
    for each in tracked:
        recent = _recent_days(series, window, unusual.get(each.name, set()))
        figure = WindowFigure(
            each, calibration, inside, int(series.rows[inside].sum()), recent, window, share, reference
        )
        found.append(figure.measure(rules.against.get(each.column)))
    if relations:
        # The days of one wrong number are wrong for what it says of the others.
        wrong = set().union(*(days for name, days in unusual.items() if name.startswith(RELATION)))
        recent = _recent_days(series, window, wrong)
        found += Disagreement(relations, series, inside, recent, window.length, share).measure(reference)
    found += check_days(reference, histograms, series, inside)
    return tuple(sorted(found, key=_excess, reverse=True))


def _calibrate_reference(reference: DriftReference, rules: DriftRules) -> tuple[Calibration | None, Relations | None]:
    """Return the limits of the sealed reference, None for a bundle without blocks."""
    if reference.series is None:
        return None, None
    tracked = track_figures(reference, reference.series)
    relations = make_relations(reference.profile, reference.series)
    share = rules.false_alarms / (len(tracked) + (len(relations.watched) if relations else 0))
    return Calibration(reference.series, tracked, share), relations


def _recent_days(series: BlockSeries, window: DayRange, unusual: set[int]) -> NDArray[np.bool_]:
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


def _calibrate_own(
    reference: DriftReference, series: BlockSeries, window: DayRange, share: float
) -> Calibration | None:
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
