"""Plan the split: which rows stay together, those of a group or of a day or each by itself, and what is held out."""

from typing import TYPE_CHECKING

import msgspec

from slipway.data.split_days import read_days
from slipway.data.splitting import split_frame
from slipway.errors import DataError, SettingsError
from slipway.params import SplitBy, SplitParams
from slipway.template.field_names import TIMES
from slipway.template.quoting import quote_value
from slipway.template.request import NewProblem

if TYPE_CHECKING:
    import pandas as pd

# With fewer groups, one part of the split may have too few.
_FEWEST_GROUPS = 50
# Share of the newest rows that a split by time must hold out: groups with older rows are not among them.
_MOST_OF_NEWEST = 0.75


class Grouping(msgspec.Struct, frozen=True):
    """The number of groups, which the split keeps whole; `by_day` if they are days of the column of times."""

    groups: int
    by_day: bool = False
    guesses: tuple[str, ...] = ()


def plan_grouping(frame: "pd.DataFrame", kinds: dict[str, str], request: NewProblem) -> Grouping:
    """Plan the groups of the split; raises `SettingsError` or `DataError` for columns that cannot have their role."""
    if request.key is not None:
        _require_unique(frame[request.key])
    if request.time is not None:
        _require_times(frame[request.time], kinds[request.time])
    if request.group is not None:
        _require_groups(frame[request.group])
        return _require_enough(frame[request.group].nunique(), f"values of --group {request.group}", "a finer group")
    days = frame[request.time].dt.date.nunique() if request.time is not None else 0
    # Rows of a day share their fate.
    if _FEWEST_GROUPS <= days <= len(frame) / 2:
        zone = " in UTC" if kinds[str(request.time)] == "instant" else ""
        stay = f"rows of one day of {request.time}{zone} stay on one side of the split ({days:,} days)"
        return Grouping(days, by_day=True, guesses=(f"{stay}; otherwise: --group",))
    return _require_enough(len(frame), "rows with an outcome", "a larger table")


def plan_time_split(
    frame: "pd.DataFrame", request: NewProblem, grouping: Grouping, holdout: float, classes: int
) -> bool:
    """Tell whether the newest share of the rows has enough whole groups, and both parts all `classes` (0: a number)."""
    if request.time is None:
        return False
    rows = frame[[request.time, request.target]].set_axis(["time", "target"], axis=1)
    if request.group:
        rows["group"] = frame[request.group].astype(str)
    else:
        rows["group"] = read_days(rows).dt.strftime("%Y-%m-%d") if grouping.by_day else rows.index.astype(str)
    try:
        parts = split_frame(rows, SplitParams(salt="", by=SplitBy.TIME, holdout=holdout))
    except DataError:
        return False
    whole = len(parts[1]) >= _MOST_OF_NEWEST * holdout * len(rows)
    return whole and all(not classes or part["target"].nunique() == classes for part in parts)


def _require_enough(groups: int, unit: str, remedy: str) -> Grouping:
    if groups < _FEWEST_GROUPS:
        raise DataError(
            f"Too few to hold some out: found {groups:,} {unit}, expected {_FEWEST_GROUPS} or more. Choose {remedy}."
        )
    return Grouping(groups)


def _require_groups(group: "pd.Series") -> None:
    if group.isna().any():
        raise DataError(
            f"--group {group.name}: {group.isna().sum():,} rows have no group. Write one for each row, such as its "
            "number."
        )


def _require_times(times: "pd.Series", kind: str) -> None:
    if kind not in TIMES:
        such = f", such as {quote_value(times.dropna().iloc[0])}" if times.notna().any() else ""
        raise SettingsError(
            f"--time {times.name}: expected a column of times, found {kind}{such}. Write times as 2024-12-31 or "
            "2024-12-31T23:59:00."
        )
    if times.isna().any():
        raise DataError(
            f"--time {times.name}: {times.isna().sum():,} rows have no time. Leave these rows out, or choose another "
            "column."
        )


def _require_unique(key: "pd.Series") -> None:
    missing, repeated = int(key.isna().sum()), int(key.dropna().duplicated().sum())
    if missing or repeated:
        raise DataError(
            f"--key {key.name}: expected a value of its own in each row, found {missing:,} rows without one and "
            f"{repeated:,} with that of another row."
        )
