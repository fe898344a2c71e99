"""Split by time: find the first held-out day, and read the day of each row."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from slipway.errors import DataError
from slipway.params import SplitBy, SplitParams

if TYPE_CHECKING:
    import pandas as pd


def fix_split_day(frame: "pd.DataFrame", split: SplitParams) -> SplitParams:
    """Return a split by time or both with `from` as the first held-out day of a dataset; by group, `split` itself.

    Without `from` it is the newest day from which on at least the share `holdout` of the rows lies. Raises `DataError`
    for rows without time.
    """
    if split.by is SplitBy.GROUP:
        return split
    days = read_days(frame)
    if split.from_day or split.holdout is None:
        return split
    if frame.empty:
        raise DataError(
            "Cannot split by time: the dataset has no rows. Add data, or look at what dataset.py leaves out."
        )
    rows = days.value_counts().sort_index(ascending=False)
    enough = rows.index[rows.cumsum() >= split.holdout * len(days)]
    return msgspec.structs.replace(split, from_day=enough[0].date())


def read_first_day(holdout: "pd.DataFrame", split: SplitParams) -> SplitParams:
    """Return a split by time or both with `from` as the first day of the rows that it held out."""
    if split.by is SplitBy.GROUP or split.from_day:
        return split
    return msgspec.structs.replace(split, from_day=read_days(holdout).min().date())


def read_days(frame: "pd.DataFrame") -> "pd.Series":
    """Return the day (UTC) of each row by its `time`; raises `DataError` for rows without one."""
    return read_times(frame).dt.floor("D")


def read_times(frame: "pd.DataFrame") -> "pd.Series":
    """Return the `time` of each row in UTC; raises `DataError` for rows without one."""
    import pandas as pd

    remedy = "Let dataset.py return when each row happened, or set split.by: group in params.yaml."
    if "time" not in frame:
        raise DataError(f"Cannot split by time: the dataset has no column `time`. {remedy}")
    try:
        if pd.api.types.is_numeric_dtype(frame["time"]):
            raise TypeError(f"numbers ({frame['time'].dtype})")
        times = pd.to_datetime(frame["time"], utc=True)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"Cannot split by time: expected times in the column `time`, found {error}. {remedy}"
        ) from error
    if missing := int(times.isna().sum()):
        raise DataError(f"Cannot split by time: {missing:,} of {len(times):,} rows have no `time`. {remedy}")
    return times


def is_since(times: "pd.Series", day: date | None, gap_days: int = 0) -> "pd.Series":
    """Mark the times on or after `day`, or so many days before it."""
    import pandas as pd

    assert day is not None
    return times >= pd.Timestamp(day - timedelta(days=gap_days), tz="UTC")
