"""One figure of one window: choose what it is compared with, compare, and write it with its limit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order
from slipway.figures import Figure
from slipway.monitoring.drift.figures import RANGE, Statistic, Tracked, compare_runs, to_distance
from slipway.monitoring.drift.limits import FEWEST_RECENT, MARGIN, Against, Calibration, Limit, allow_noise
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.measurement import Measurement

# New categories come now and then; a share below this is never an alarm.
_FEWEST_UNSEEN = 0.005


class DayRange(NamedTuple):
    """A window: its first day, in days since 1970, and its length."""

    first: int
    length: int


class WindowFigure(NamedTuple):
    """One figure of one window with all that it is compared with."""

    tracked: Tracked
    calibration: Calibration | None
    inside: NDArray[np.bool_]
    rows: int
    recent: NDArray[np.bool_]
    window: DayRange
    share: float
    reference: DriftReference

    def measure(self, declared: Against | None) -> Measurement:
        """Measure the figure against its reference, `declared` or told from the blocks."""
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
                top = max(top, MARGIN * novel.get(self.tracked.column, 0.0), _FEWEST_UNSEEN)
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
