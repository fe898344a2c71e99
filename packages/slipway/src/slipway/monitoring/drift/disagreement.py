"""Measure which numbers of a window no longer agree with what the others say of them, by as few columns as possible."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.figures import Figure
from slipway.monitoring.drift.figures import compare_runs
from slipway.monitoring.drift.limits import FEWEST_RECENT, allow_noise
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.drift.relations import UNKNOWN, Relations
from slipway.monitoring.measurement import Measurement
from slipway.training.reference.blocks import BlockSeries

RELATION = "relation:"
# A deviation counts from this part of the limit of the mean's own change on: smaller ones have causes outside of the
# fit, and do not tell which of several numbers is wrong.
_LEAST = 0.5
# Where more numbers are wrong, the others are shown as they deviate from all that is left.
_MOST_WRONG = 8


class _Change(NamedTuple):
    """The change of a number's deviation, in parts of its range, and what it is held against: NaN for unknown.

    `calibrated` is the limit of the relation itself, `limit` that from which a deviation counts. `along` are numbers
    that deviate because of this one.
    """

    value: float
    usual: float
    calibrated: float
    limit: float
    rows: int
    along: tuple[str, ...] = ()


class Disagreement(NamedTuple):
    """The days of one window, and the days before it that are its reference."""

    relations: Relations
    series: BlockSeries
    inside: NDArray[np.bool_]
    recent: NDArray[np.bool_]
    length: int
    share: float

    def measure(self, reference: DriftReference) -> list[Measurement]:
        """Measure each number.

        Of numbers that go together, each one deviates when one is wrong. The one whose own change would be ordinary if
        the others were right is taken for it; the others are measured again without it, until none is above its limit.
        """
        found: dict[str, _Change] = {}
        enough = self.inside.any() and int(self.recent.sum()) >= FEWEST_RECENT
        without = self._absent() if enough else frozenset(self.relations.numbers)
        names = [name for name in self.relations.watched if name not in without]
        for _ in range(_MOST_WRONG):
            left = {name: self._change(name, without) for name in names}
            if not any(abs(each.value) > each.limit for each in left.values()):
                break
            beyond = [name for name in names if abs(left[name].value) > left[name].calibrated]
            first = max(beyond, key=lambda name: self._explained(name, left[name]))
            along = tuple(name for name in beyond if name != first)
            wrong = left.pop(first)
            found[first] = wrong._replace(limit=wrong.calibrated, along=along)
            without |= {first}
            names.remove(first)
        found |= left
        return [self._express(reference, name, found.get(name)) for name in self.relations.watched]

    def _absent(self) -> frozenset[str]:
        """Return the numbers without a value on too many of the days."""
        known = self.series.means
        return frozenset(
            name
            for name in self.relations.numbers
            if name not in known
            or any(np.isnan(known[name][days]).mean() > UNKNOWN for days in (self.inside, self.recent))
        )

    def _change(self, name: str, without: frozenset[str]) -> _Change:
        others = self.relations.others(name)
        change, alone = self._compare(name, without), self._compare(name, others)
        return change._replace(limit=max(change.calibrated, _LEAST * alone.calibrated))

    def _compare(self, name: str, without: frozenset[str]) -> _Change:
        tracked = self.relations.deviate(name, without, self.series)
        limit = self.relations.limit(name, without, self.length, self.share)
        window, before = (tracked.cells[days].sum(axis=0, keepdims=True) for days in (self.inside, self.recent))
        value, rows = float(compare_runs(tracked.statistic, window, before)[0]), float(window[0, 1])
        if limit is None:
            return _Change(value, np.nan, np.nan, np.nan, int(rows))
        top = allow_noise(limit, tracked, rows, float(before[0, 1]), self.share)
        return _Change(value, limit.usual, top, top, int(rows))

    def _explained(self, name: str, deviation: _Change) -> float:
        """Return how much less unusual the change of the number is where the others say it, in squares of its limit."""
        own = self._compare(name, self.relations.others(name))
        return (own.value**2 - (own.value - deviation.value) ** 2) / own.calibrated**2

    def _express(self, reference: DriftReference, name: str, change: _Change | None) -> Measurement:
        measured, rank = RELATION + name, reference.ranks.get(name)
        days = int(self.recent.sum())
        if change is None or not np.isfinite(change.value):
            needed = f"only {days} days before this window, {FEWEST_RECENT} needed"
            note = needed if days < FEWEST_RECENT else "no values on too many of the days"
            return Measurement(name=measured, note=note, rank=rank)
        known, edges = np.isfinite(change.limit), reference.profile.inputs[name].edges
        width = (edges[-1] - edges[0]) or 1.0
        side = "above" if change.value > 0 else "below"
        note = f"the mean is that far {side} what the other numbers of a day say of it, beside the {days} days before"
        if change.along:
            note += f"; {' and '.join(change.along)} deviate with it: if not this one, one of them is wrong"
        return Measurement(
            name=measured,
            figure=Figure(value=abs(change.value) * width),
            reference=Figure(value=change.usual * width) if known else None,
            limit=change.limit * width if known else None,
            rows=change.rows,
            note=note,
            rank=rank,
        )
