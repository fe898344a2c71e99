"""Find the groups, days or months of an evaluation record in what is held out now, by the same split or another one."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.data.group_names import Naming, name_groups, name_periods
from slipway.data.split_days import read_first_day, read_times
from slipway.data.splitting import is_held_out, mark_held_out
from slipway.evaluation.record import EvaluationRecord
from slipway.params import SplitBy, SplitParams

if TYPE_CHECKING:
    import pandas as pd


class RecordedGroups(NamedTuple):
    """The groups to compare, those that are gone, and the number of those older than everything that is left."""

    names: list[str]
    gone: tuple[str, ...] = ()
    aged: int = 0


def is_comparable(record: EvaluationRecord, split: SplitParams) -> bool:
    """Tell whether `split` holds out groups of the record as a whole; another kind may hold out parts of them."""
    before = record.split
    if before.by is not split.by:
        return (before.by, split.by) == (SplitBy.GROUP, SplitBy.TIME) and record.naming is not Naming.BLOCKS
    return before.by is not SplitBy.BOTH or (before.salt, before.holdout) == (split.salt, split.holdout)


def mark_recorded(record: EvaluationRecord, holdout: "pd.DataFrame") -> NDArray[np.bool_]:
    """Mark the rows that the record's split holds out too, up to its newest row."""
    held = mark_held_out(holdout, record.split)
    if record.until is not msgspec.UNSET:
        held &= read_times(holdout) <= record.until
    return np.asarray(held, dtype=bool)


def find_recorded(
    record: EvaluationRecord,
    again: EvaluationRecord | None,
    split: SplitParams,
    train: "pd.DataFrame",
    holdout: "pd.DataFrame",
) -> RecordedGroups:
    """Find the groups of a record in both parts; `again` is the record of the held-out rows, None where it has none."""
    now = {} if again is None else dict(zip(again.groups, again.rows, strict=True))
    if record.naming.is_period:
        return _find_periods(record, set(now), split, train, holdout)
    found = _find_groups(record, now, train, holdout)
    # By time, a group may be in neither part.
    return found if split.by is SplitBy.GROUP else found._replace(gone=())


def _find_groups(
    record: EvaluationRecord, now: dict[str, int], train: "pd.DataFrame", holdout: "pd.DataFrame"
) -> RecordedGroups:
    """Old groups leave data that keep the last months only; `holdout_whole` bounds their number."""
    trained = [name for name in train["group"].unique().tolist() if is_held_out(name, record.split)]
    known = set(name_groups(trained, record.naming, record.split.salt, record.blocks))
    common = [name for name in record.groups if name in now]
    if record.naming is Naming.BLOCKS:
        # A block with more rows than before has new groups in it, others may have groups that are trained on now.
        then = dict(zip(record.groups, record.rows, strict=True))
        common = [name for name in common if name not in known and now[name] <= then[name]]
    gone = [name for name in record.groups if name not in known and name not in now]
    oldest = min(part["group"].min() for part in (train, holdout))
    aged = {name for name in gone if record.naming is Naming.PLAIN and name < oldest}
    return RecordedGroups(common, tuple(name for name in gone if common and name not in aged), len(aged))


def _find_periods(
    record: EvaluationRecord, now: set[str], split: SplitParams, train: "pd.DataFrame", holdout: "pd.DataFrame"
) -> RecordedGroups:
    """Find the days or months that both splits hold out; by time, older ones must be in the training set or the gap.

    Those before the oldest training row have left the data, as old groups do.
    """
    first, before = read_first_day(holdout, split).from_day, record.split.from_day
    assert first is not None and before is not None
    whole = {name for name in record.groups if first <= max(before, date.fromisoformat(f"{name}-01"[:10]))}
    gone, aged = whole - now, set[str]()
    if split.by is SplitBy.TIME:
        trained = set(name_periods(train, record.naming, split))
        gap = (first - timedelta(days=split.gap_days)).isoformat()
        gone |= {name for name in record.groups if f"{name}-31"[:10] < gap} - trained
        oldest = min(trained, default="")
        aged = {name for name in gone if name < oldest}
    return RecordedGroups(sorted(whole & now), tuple(sorted(gone - aged)), len(aged))
