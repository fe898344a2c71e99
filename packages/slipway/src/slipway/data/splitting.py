"""Split a dataset: whole groups are held out, by a salted hash that new data does not change, by time, or by both."""

from typing import TYPE_CHECKING

import msgspec

from slipway.data.group_names import hash_group
from slipway.data.split_days import fix_split_day, is_since, read_times
from slipway.errors import DataError
from slipway.params import SplitBy, SplitParams

if TYPE_CHECKING:
    import pandas as pd

# With fewer groups an interval over them is meaningless, and one unusual group decides a comparison.
FEWEST_GROUPS = 8


def is_held_out(group: str, split: SplitParams) -> bool:
    """Tell whether the hash of salt and group, as a share of all hashes, is below `split.holdout`."""
    assert split.holdout is not None
    return int.from_bytes(hash_group(group, split.salt)[:8]) / 2**64 < split.holdout


def split_frame(frame: "pd.DataFrame", split: SplitParams) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split a dataset into training set and holdout, both with a text column `group`.

    Without a column `group`, the content of a row is its group, so that equal rows stay together. No group is in both
    parts, and by time no training row is newer than a held-out one; rows that would break that are in neither part.
    Raises `DataError` if either part has fewer than `FEWEST_GROUPS` groups, and for rows without the time that a split
    needs.
    """
    frame = add_groups(frame)
    fixed = fix_split_day(frame, split)
    held, trained = mark_held_out(frame, fixed), mark_trained(frame, fixed)
    train, holdout = (frame[part].reset_index(drop=True) for part in (trained, held))
    sizes = tuple(part["group"].nunique() for part in (train, holdout))
    if min(sizes) < FEWEST_GROUPS:
        raise DataError(_too_few(frame, fixed, split, sizes))
    return train, holdout


def mark_held_out(frame: "pd.DataFrame", split: SplitParams) -> "pd.Series":
    """Mark the rows that a split holds out, one by time from its day `from` on.

    By time, a group that has older rows too is not held out, and its newer rows are not trained on.
    """
    if split.by is SplitBy.GROUP:
        return _in_held_groups(frame, split)
    newer = is_since(read_times(frame), split.from_day)
    return (
        newer.groupby(frame["group"]).transform("all")
        if split.by is SplitBy.TIME
        else newer & _in_held_groups(frame, split)
    )


def mark_trained(frame: "pd.DataFrame", split: SplitParams) -> "pd.Series":
    """Mark the rows that a split trains on, one by time up to `gap_days` days before its day `from`."""
    if split.by is SplitBy.GROUP:
        return ~_in_held_groups(frame, split)
    older = ~is_since(read_times(frame), split.from_day, split.gap_days)
    return older if split.by is SplitBy.TIME else older & ~_in_held_groups(frame, split)


def mark_seen(frame: "pd.DataFrame", split: SplitParams) -> "pd.Series":
    """Mark the rows that a model of a split has seen: those that it trains on, and the gap, into which these look."""
    return mark_trained(frame, msgspec.structs.replace(split, gap_days=0))


def add_groups(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Add the column `group` where a dataset has none; raises `DataError` where it is not text."""
    return frame.assign(group=_groups(frame))


def _in_held_groups(frame: "pd.DataFrame", split: SplitParams) -> "pd.Series":
    return frame["group"].isin({name for name in frame["group"].unique().tolist() if is_held_out(name, split)})


def _too_few(frame: "pd.DataFrame", fixed: SplitParams, split: SplitParams, sizes: tuple[int, ...]) -> str:
    """Say how many groups are in each part, and what to change."""
    settings = {"holdout": split.holdout, "from": split.from_day}
    change = " or ".join(f"split.{key} (now {value})" for key, value in settings.items() if value is not None)
    told = (
        f"Too few groups: expected {FEWEST_GROUPS} or more in each part, found {sizes[0]} for training and {sizes[1]} "
        f"for the holdout. Add data, choose a finer group in dataset.py, or change {change} in params.yaml."
    )
    if split.by is not SplitBy.TIME:
        return told
    newer, groups = is_since(read_times(frame), fixed.from_day), frame["group"]
    if across := len(set(groups[newer]) & set(groups[~newer])):
        told += (
            f" {across:,} of {groups.nunique():,} groups have rows before {fixed.from_day} too and are not held out; "
            "split.by: both holds out the newer rows of groups that are not trained on."
        )
    return told


def _groups(frame: "pd.DataFrame") -> "pd.Series":
    from pandas.api.types import infer_dtype
    from pandas.util import hash_pandas_object

    if "group" in frame:
        if infer_dtype(frame["group"], skipna=False) != "string":
            raise DataError(
                f"Column group: expected text in every row, found {frame['group'].dtype}. The split hashes the text "
                "of a group, and a number or time can be written in several ways. Format it in dataset.py, for "
                "example as 2024-01-31."
            )
        return frame["group"]
    content = frame.drop(columns=["target", "key", "time"], errors="ignore")
    # A missing value elsewhere in a column turns its integers into floats; that must not change the hash of a row.
    numbers = content.select_dtypes(["number", "bool", "boolean"]).columns
    return hash_pandas_object(content.astype(dict.fromkeys(numbers, "float64")), index=False).map("{:016x}".format)
