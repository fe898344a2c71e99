"""Ask production's model again for what its evaluation record says: where it gets something else, the rows changed."""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.contract import Field
from slipway.evaluation.record import EvaluationRecord, repeat_record
from slipway.evaluation.scored import Scored, take_scored
from slipway.gate.statistics.recorded_groups import find_recorded, is_comparable, mark_recorded
from slipway.params import SplitParams

if TYPE_CHECKING:
    import pandas as pd

# The share of a sum that the order of its additions may change, with room.
_DIGITS = 1e-9
_Mask = NDArray[np.bool_]


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """The groups, days or months of a record, found again in other rows.

    `compared` groups were found and `aged` are older than everything that is left; `missing` are gone otherwise.
    `recorded` rows of the record are in groups that must still be held out, of which `found` are there.
    `resized` have another number of rows, `relabelled` the same number with other outcomes; `lost` has the change of
    the loss of each group that is not reproduced, as a share of its recorded loss, and `rescored` are groups with the
    recorded loss from other scores. `total` is the change of the loss of all compared groups; `columns` counts for each
    column the groups of the recorded size in which its values differ.
    """

    compared: int
    recorded: int = 0
    found: int = 0
    missing: tuple[str, ...] = ()
    aged: int = 0
    resized: tuple[str, ...] = ()
    relabelled: tuple[str, ...] = ()
    lost: dict[str, float] = {}
    rescored: tuple[str, ...] = ()
    total: float = 0.0
    columns: dict[str, int] = {}

    @property
    def changed(self) -> tuple[str, ...]:
        """The groups that differ, those whose loss changed most first."""
        names = {*self.missing, *self.resized, *self.relabelled, *self.lost, *self.rescored}
        return tuple(sorted(names, key=lambda name: (-abs(self.lost.get(name, np.inf)), name)))


class _Rows(NamedTuple):
    """Sums of a record in the order of the compared groups."""

    rows: NDArray[np.float64]
    outcomes: NDArray[np.float64]
    scores: NDArray[np.float64]
    losses: NDArray[np.float64]


def reproduce_record(
    record: EvaluationRecord,
    fields: tuple[Field, ...],
    scored: Scored,
    train: "pd.DataFrame",
    holdout: "pd.DataFrame",
    tolerance: float,
    split: SplitParams,
) -> Reproduction:
    """Compare a record with what its bundle got (`scored`) on the rows `holdout`, in the groups that both know.

    Groups that are trained on now, by another `split` or one whose day moved, are not compared. `tolerance` is the
    share by which loss and scores of a group may differ, because a last digit that differs between processors may put a
    row on the other side of a tree's threshold; of all groups together a tenth of it.
    """
    if not is_comparable(record, split):
        return Reproduction(compared=0)
    rows = np.flatnonzero(mark_recorded(record, holdout))
    again = None
    if len(rows):
        again = repeat_record(record, fields, take_scored(scored, rows), holdout.iloc[rows])
    common, gone, aged = find_recorded(record, again, split, train, holdout)
    then = {name: at for at, name in enumerate(record.groups)}
    lacking = sum(record.rows[then[name]] for name in gone)
    if again is None or not common:
        return Reproduction(compared=0, aged=aged, missing=gone, recorded=lacking)
    now = {name: at for at, name in enumerate(again.groups)}
    before = _take(record, [then[name] for name in common])
    after = _take(again, [now[name] for name in common])
    sizes = before.rows == after.rows
    outcomes = np.asarray(_near(before.outcomes, after.outcomes, _DIGITS, before.rows).all(axis=1), dtype=bool)
    lost, total = _compare_losses(before, after, common, tolerance)
    rescored = [name for name in _compare_scores(before, after, common, tolerance) if name not in lost]
    positions = ([then[name] for name in common], [now[name] for name in common])
    return Reproduction(
        compared=len(common),
        recorded=int(before.rows.sum()) + lacking,
        found=int(after.rows.sum()),
        missing=gone,
        aged=aged,
        resized=_named(common, ~sizes),
        relabelled=_named(common, sizes & ~outcomes),
        lost=lost,
        rescored=tuple(rescored),
        total=total,
        columns=_changed_columns(record, again, positions, sizes, outcomes),
    )


def _compare_losses(before: _Rows, after: _Rows, names: list[str], tolerance: float) -> tuple[dict[str, float], float]:
    """Return the relative change of the loss of each group that is not reproduced, and of all groups together.

    A group that has hardly any loss is measured by what its rows lose on average.
    """
    change, total = _changes(before.losses, after.losses, before.rows)
    pairs = zip(names, change, _differing(change, total, tolerance), strict=True)
    return {name: float(each) for name, each, found in pairs if found}, total


def _compare_scores(before: _Rows, after: _Rows, names: list[str], tolerance: float) -> tuple[str, ...]:
    """Return the groups with other sums of scores, of any class: rows may change and lose the same."""
    differs = np.zeros(len(names), dtype=bool)
    for then, now in zip(before.scores.T, after.scores.T, strict=True):
        differs |= _differing(*_changes(then, now, before.rows), tolerance)
    return _named(names, differs)


def _changes(
    before: NDArray[np.float64], after: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the relative change of each group's sum, which is measured by at least what its rows have on average."""
    least, whole = np.finfo(float).tiny, np.abs(before).sum()
    scale = np.maximum(np.maximum(np.abs(before), whole / rows.sum() * rows), least)
    return (after - before) / scale, float((after.sum() - before.sum()) / max(whole, least))


def _differing(change: NDArray[np.float64], total: float, tolerance: float) -> _Mask:
    """Mark the groups that changed by more than `tolerance`, or most where all together changed by a tenth of it."""
    differs = np.abs(change) > tolerance
    if abs(total) > tolerance / 10 and not differs.any():
        differs = np.abs(change) >= min(tolerance / 10, np.abs(change).max())
    return np.asarray(differs)


def add_absent_columns(fields: tuple[Field, ...], frame: "pd.DataFrame") -> "pd.DataFrame":
    """Add the columns of `fields` that `frame` lacks, as missing values, where the contract allows them."""
    absent = {field.name: None for field in fields if field.nullable and field.name not in frame}
    return frame.assign(**absent).astype(dict.fromkeys(absent, object)) if absent else frame


def _take(record: EvaluationRecord, positions: list[int]) -> _Rows:
    parts = (record.rows, np.array(record.outcomes).T, np.array(record.scores).T, record.losses)
    return _Rows(*(np.asarray(part, dtype=np.float64)[positions] for part in parts))


def _near(one: NDArray[np.float64], other: NDArray[np.float64], share: float, rows: NDArray[np.float64]) -> _Mask:
    scale = np.maximum(np.maximum(np.abs(one), np.abs(other)), rows.reshape((-1, *(1,) * (one.ndim - 1))))
    return np.asarray(np.abs(one - other) <= share * scale)


def _named(names: list[str], chosen: _Mask) -> tuple[str, ...]:
    return tuple(name for name, found in zip(names, chosen, strict=True) if found)


def _changed_columns(
    record: EvaluationRecord,
    again: EvaluationRecord,
    positions: tuple[list[int], list[int]],
    sizes: _Mask,
    outcomes: _Mask,
) -> dict[str, int]:
    """Count for each column the groups of the same size where its values, or which rows have them, differ."""
    rows = np.asarray(record.rows, dtype=np.float64)[positions[0]]
    found = Counter[str]()
    for name, before in record.columns.items():
        after = again.columns[name]
        same = np.ones(len(rows), dtype=bool)
        for part in ("missing", "sums", "products"):
            one, other = (
                np.array(getattr(each, part), dtype=np.float64)[at]
                for each, at in zip((before, after), positions, strict=True)
            )
            # Groups of few rows keep no sums; with other outcomes every product differs.
            known = np.isfinite(one) & np.isfinite(other) & (outcomes if part == "products" else True)
            same &= ~known | _near(np.nan_to_num(one), np.nan_to_num(other), _DIGITS, rows)
        if count := int((sizes & ~same).sum()):
            found[name] = count
    return dict(found.most_common())
