"""The windows of a run: whole days of the clock, of every length that a rule asks for."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Windows end this many days apart, counted back from the newest.
STEP_DAYS = 7
# So many windows of a length are measured: a quarter of a year.
MOST_WINDOWS = 13
# At most this share of the rows, this far from the others, counts as the work of a clock that jumped.
_JUMPED_SHARE, _JUMP = 0.001, np.timedelta64(28, "D")
# Of so many rows at least, one may always be that.
_FEWEST_ROWS = 20


class WindowDays(NamedTuple):
    """A window from the day `start` to the day `end` (exclusive)."""

    start: np.datetime64
    end: np.datetime64

    @property
    def days(self) -> int:
        """The length in days."""
        return int((self.end - self.start).astype(int))


def plan_windows(first: np.datetime64, end: np.datetime64, lengths: Iterable[int]) -> tuple[WindowDays, ...]:
    """Return the windows that end at `end` or whole steps before it, oldest first, the shorter of two before the other.

    One that begins before `first`, the day of the first row, is left out unless it is the newest of its length.
    """
    found = []
    for days in sorted(set(lengths)):
        for number in range(MOST_WINDOWS):
            last = end - np.timedelta64(number * STEP_DAYS, "D")
            start = last - np.timedelta64(days, "D")
            if number == 0 or start >= first:
                found.append(WindowDays(start, last))
    return tuple(sorted(found, key=lambda window: (window.end, window.days)))


def find_days(clock: NDArray[np.datetime64], until: np.datetime64 | None) -> WindowDays:
    """Return the day of the first row, and the day after the newest one, or `until` where that is earlier.

    `clock` is in order. A clock that jumped leaves a few rows far from all others: these are in no window.
    """
    most = max(int(len(clock) * _JUMPED_SHARE), 1 if len(clock) >= _FEWEST_ROWS else 0)
    first, newest = (
        usual if abs(outer - usual) > _JUMP else outer
        for outer, usual in ((clock[0], clock[most]), (clock[-1], clock[-1 - most]))
    )
    end = newest.astype("datetime64[D]") + np.timedelta64(1, "D")
    return WindowDays(first.astype("datetime64[D]"), end if until is None else min(end, until))
