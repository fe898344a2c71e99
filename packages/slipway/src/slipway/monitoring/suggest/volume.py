"""Measure how many rows and outcomes come a day: in the dataset, or in what the monitor has seen."""

import math
from typing import TYPE_CHECKING

import msgspec

from slipway.monitoring.result import MonitorResult

if TYPE_CHECKING:
    import pandas as pd

# Traffic grows: the newest half year of the dataset counts. Fewer days than two weeks show no week.
_NEWEST, _FEWEST_DAYS = 182, 14


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and outcomes a day, with the words for where they come from (`source`).

    `pause` is the longest time between two rows in hours, with the words for it; `days` those that the dataset covers,
    None where limits of inputs have no such bound.
    """

    rows: float
    outcomes: float
    source: str
    pause: float
    pause_source: str
    days: int | None = None


def state_volume(rows_per_day: float, outcomes: float | None = None, source: str = "by --rows-per-day") -> Volume:
    """Return a volume of which the rate alone is known: rows at random times pause for this long in half a year.

    The longest of n exponential intervals has a mean of about ln n of theirs.
    """
    return Volume(
        rows=rows_per_day,
        outcomes=rows_per_day if outcomes is None else outcomes,
        source=source,
        pause=24 * math.log(max(math.e, _NEWEST * rows_per_day)) / rows_per_day,
        pause_source="the longest pause in half a year of rows at random times",
    )


def measure_volume(times: "pd.Series") -> Volume | None:
    """Measure the newest half year of a dataset's times; None where they cover fewer than two weeks."""
    import pandas as pd

    covered = count_days(times)
    if covered < _FEWEST_DAYS:
        return None
    number = min(covered, _NEWEST)
    known = pd.to_datetime(times.dropna(), utc=True).sort_values()
    end = known.iloc[-1].floor("D") + pd.Timedelta(days=1)
    newest = known[known >= end - pd.Timedelta(days=number)]
    pause = float(newest.diff().max() / pd.Timedelta(hours=1)) if len(newest) > 1 else 24.0 * number
    if (newest == newest.dt.floor("D")).all():
        # Rows that know their day alone may be almost a day further apart.
        pause += 24
    rate, source = len(newest) / number, f"in the newest {number} days of the dataset"
    longest = f"the longest pause between two rows {source}"
    return Volume(rows=rate, outcomes=rate, source=source, pause=pause, pause_source=longest, days=covered)


def count_days(times: "pd.Series") -> int:
    """Return the number of days from the first to the last time."""
    import pandas as pd

    days = pd.to_datetime(times.dropna(), utc=True).dt.floor("D")
    return int((days.max() - days.min()).days) + 1 if len(days) else 0


def read_volume(result: MonitorResult) -> Volume | None:
    """Return what the monitor has seen: rows of the newest window, outcomes of the one in which most had come.

    Both are of the longest windows of days, without the one that began before the log; None where all are empty.
    """
    days = [each for each in result.windows if not each.of_outcomes]
    if not days:
        return None
    longest = max((each.end - each.start).days for each in days)
    windows = [each for each in days if (each.end - each.start).days == longest]
    rows, outcomes = windows[-1].rows, max(each.outcomes for each in windows)
    if not rows:
        return None
    source = f"in the {longest} days to {windows[-1].end:%Y-%m-%d} in {result.environment}"
    return state_volume(rows / longest, outcomes / longest, source)
