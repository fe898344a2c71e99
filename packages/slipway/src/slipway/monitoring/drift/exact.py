"""Exact checks: what cannot happen while everything is whole. Each counts days or rows, and its limit is 0."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import TOLERANCE
from slipway.bundle.verify import score_difference
from slipway.columns import Columns, count_rows
from slipway.figures import Figure
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.measurement import Measurement
from slipway.training.reference.blocks import BlockSeries, longest_run
from slipway.training.reference.histograms import DayHistograms

# A day with fewer values is not judged.
_FEWEST_ROWS = 30
# Impossible: a change of more than this many times the largest one between neighbouring blocks of the reference, and
# this many standard errors.
_JUMP, _CHANCE = 2.0, 4.0
# A number that had one value in a longer run of days of the reference has quiet weeks, and is not checked for them.
_QUIET = 1
# Readings that the day before had too: a day with this share repeats it, where no day of the reference came near.
_STALE, _STALE_REFERENCE = 0.5, 0.25


def check_days(
    reference: DriftReference, histograms: DayHistograms, series: BlockSeries, inside: NDArray[np.bool_]
) -> list[Measurement]:
    """Check the days of a window for stuck values, impossible jumps and readings of the day before."""
    if reference.series is None or reference.profile.blocks is None:
        return []
    found = []
    for name in histograms.sums:
        if reference.profile.blocks.constant.get(name, _QUIET + 1) <= _QUIET:
            found.append(_check_stuck(reference, histograms, name, inside))
        if name in reference.ranks:
            found.append(_check_jumps(reference, histograms, series, name, inside))
    return [*found, *_check_stale(reference, series, inside)]


def check_scores(
    score: Callable[[Columns], NDArray[np.float64]], columns: Columns, logged: NDArray[np.float64], scale: float
) -> Measurement:
    """Score logged rows again and count those whose logged score another model must have given.

    `score` is that of the release in an isolated process, `scale` of its manifest.
    """
    rows = count_rows(columns)
    different = score_difference(score(columns), logged, scale) > TOLERANCE
    wrong = int(np.count_nonzero(different.reshape(rows, -1).any(axis=1)))
    note = f"{wrong:,} of {rows:,} rows, scored again by this release, have another score in the log"
    return Measurement(name="foreign_scores", figure=Figure(value=wrong), limit=0.0, rows=rows, note=note)


def _check_stuck(
    reference: DriftReference, histograms: DayHistograms, name: str, inside: NDArray[np.bool_]
) -> Measurement:
    blocks = reference.profile.blocks
    usual = blocks.constant[name] if blocks else 0
    enough = inside & (histograms.known(name) >= _FEWEST_ROWS)
    run = longest_run(histograms.lows[name][enough], histograms.highs[name][enough])
    over = run if run > 2 * usual else 0
    note = f"{name} had one value for {run} days in a row; the longest run in the reference is {usual}"
    return _measurement(reference, f"stuck:{name}", name, over, int(histograms.rows[inside].sum()), note)


def _check_jumps(
    reference: DriftReference, histograms: DayHistograms, series: BlockSeries, name: str, inside: NDArray[np.bool_]
) -> Measurement:
    sealed = reference.series
    usual = np.nanmax(np.abs(np.diff(sealed.means[name])), initial=0.0) if sealed else 0.0
    enough = histograms.known(name) >= _FEWEST_ROWS
    next_day = (np.diff(series.days) == 1) & enough[1:] & enough[:-1] & inside[1:]
    changes = np.abs(np.diff(series.means[name]))[next_day]
    # Half the range is the largest deviation that a value can have, so this is what chance adds for so few rows.
    chance = _CHANCE / 2 * np.sqrt(1 / histograms.rows[1:] + 1 / histograms.rows[:-1])[next_day]
    jumps = int((changes > _JUMP * usual + chance).sum()) if usual > 0 else 0
    largest = float(changes.max()) if len(changes) else 0.0
    note = (
        f"the daily mean of {name} changed by {largest:.2f} of its range from one day to the next; {usual:.2f} is the "
        f"largest change in the reference, and more than {_JUMP:g} times that counts"
    )
    return _measurement(reference, f"jump:{name}", name, jumps, int(histograms.rows[inside].sum()), note)


def _check_stale(reference: DriftReference, series: BlockSeries, inside: NDArray[np.bool_]) -> list[Measurement]:
    sealed = reference.series
    if sealed is None or not reference.profile.readings:
        return []
    usual = float(np.nanmax(sealed.stale, initial=0.0))
    if usual > _STALE_REFERENCE:
        return []
    stale = np.nan_to_num(series.stale[inside])
    largest = float(stale.max(initial=0.0))
    names = ", ".join(reference.profile.readings)
    note = f"{largest:.0%} of a day's readings ({names}) are those of the day before; at most {usual:.0%} in training"
    days = int((stale >= _STALE).sum())
    return [_measurement(reference, "stale", "", days, int(series.rows[inside].sum()), note)]


def _measurement(reference: DriftReference, name: str, column: str, value: float, rows: int, note: str) -> Measurement:
    rank = reference.ranks.get(column)
    return Measurement(name=name, figure=Figure(value=value), limit=0.0, rows=rows, note=note, rank=rank)
