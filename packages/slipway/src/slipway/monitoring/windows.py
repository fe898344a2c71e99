"""The windows of a run, of every length that a rule asks for: whole days of the clock, or the newest outcomes."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Windows end this many days apart, counted back from the newest; those of outcomes this part of their outcomes.
STEP_DAYS = 7
_STEP_PART = 4
# So many windows of a length are measured: a quarter of a year.
MOST_WINDOWS = 13
# At most this share of the rows, this far from the others, counts as the work of a clock that jumped.
_JUMPED_SHARE, _JUMP = 0.001, np.timedelta64(28, "D")
# Of so many rows at least, one may always be that.
_FEWEST_ROWS = 20


# Days, or a number of outcomes as a person writes it: `2000 outcomes`.
Length = int | str
_OUTCOMES = re.compile(r"([1-9][0-9]{0,8}) outcomes")
_MOST_DAYS = 366


class WindowDays(NamedTuple):
    """A window from the day `start` to the day `end` (exclusive)."""

    start: np.datetime64
    end: np.datetime64

    @property
    def days(self) -> int:
        """The length in days."""
        return int((self.end - self.start).astype(int))


class WindowOutcomes(NamedTuple):
    """A window of consecutive `rows` from `start` to `end` (exclusive) that holds so many `outcomes`."""

    start: np.datetime64
    end: np.datetime64
    outcomes: int
    rows: slice


PlannedWindow = WindowDays | WindowOutcomes


def count_outcomes(length: Length) -> int:
    """Return the number of outcomes of a length, 0 for one of days.

    Raises `ValueError` for another text, or days outside of 1 to 366.
    """
    found = _OUTCOMES.fullmatch(length) if isinstance(length, str) else None
    if found is None and not (isinstance(length, int) and 1 <= length <= _MOST_DAYS):
        raise ValueError(
            f"expected days from 1 to {_MOST_DAYS}, or a number of outcomes such as `2000 outcomes`, found {length!r}"
        )
    return int(found[1]) if found else 0


def verify_length(key: str, length: Length) -> int:
    """Return the number of outcomes of a length, 0 for one of days; raises `ValueError` that names the key."""
    try:
        return count_outcomes(length)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def order_lengths(lengths: Iterable[Length]) -> tuple[Length, ...]:
    """Return each length once: days, then outcomes, the shortest first."""
    return tuple(sorted(set(lengths), key=lambda each: (count_outcomes(each), each)))


def format_length(length: Length) -> str:
    """Write a length: `14 days`, `2,000 outcomes`."""
    outcomes = count_outcomes(length)
    return f"{outcomes:,} outcomes" if outcomes else f"{length} days"


def plan_windows(
    days: WindowDays, lengths: Iterable[Length], clock: NDArray[np.datetime64], labelled: NDArray[np.bool_]
) -> tuple[PlannedWindow, ...]:
    """Return the windows of rows in `days`, oldest first, days before outcomes and the shorter of two before the other.

    Windows of days end with `days` or whole steps before. `clock`, in order, and `labelled` are of all rows.
    """
    found: list[PlannedWindow] = []
    for length in order_lengths(lengths):
        outcomes = count_outcomes(length)
        if outcomes:
            found += _plan_outcomes(days, outcomes, clock, labelled)
        else:
            found += _plan_days(days, int(length))
    # Sorting keeps the order of lengths where windows end together.
    return tuple(sorted(found, key=lambda window: window.end.astype("datetime64[us]")))


def _plan_days(days: WindowDays, length: int) -> Iterator[WindowDays]:
    """Yield the windows of `length` days; one that begins before the first row's day only if it is the newest."""
    for number in range(MOST_WINDOWS):
        end = days.end - np.timedelta64(number * STEP_DAYS, "D")
        start = end - np.timedelta64(length, "D")
        if number == 0 or start >= days.start:
            yield WindowDays(start, end)


def _plan_outcomes(
    days: WindowDays, outcomes: int, clock: NDArray[np.datetime64], labelled: NDArray[np.bool_]
) -> Iterator[WindowOutcomes]:
    """Yield the windows of so many outcomes, each with the rows between them; the newest may have fewer.

    Each ends before the outcome with which a newer one's last quarter begins; the newest has all newer rows, too.
    """
    first, last = (int(each) for each in np.searchsorted(clock, [days.start, days.end]))
    places = first + np.flatnonzero(labelled[first:last])
    for number in range(MOST_WINDOWS):
        until = len(places) - number * max(1, outcomes // _STEP_PART)
        since = until - outcomes
        if number and since < 0:
            return
        begin = int(places[since]) if since >= 0 else first
        end = int(places[until]) if number else last
        yield WindowOutcomes(
            clock[begin] if since >= 0 else days.start, clock[end] if number else days.end, outcomes, slice(begin, end)
        )


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
