"""Cut rows into folds for a cross-validation, as the split cuts off the holdout."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from slipway.data.split_days import read_days
from slipway.data.splitting import mark_held_out, mark_trained
from slipway.errors import DataError
from slipway.params import SplitBy, SplitParams

if TYPE_CHECKING:
    import pandas as pd


class Fold(NamedTuple):
    """Two masks that share no row: the rows to fit on, and the rows to score."""

    train: NDArray[np.bool_]
    held: NDArray[np.bool_]


def make_folds(frame: "pd.DataFrame", split: SplitParams, folds: int) -> list[Fold]:
    """Hold out whole groups, or for a split by time or both blocks of days, each fitted on what is older.

    Raises `DataError` where the rows have too few groups or days.
    """
    return fold_by_group(frame, folds) if split.by is SplitBy.GROUP else _fold_by_time(frame, split, folds)


def fold_by_group(frame: "pd.DataFrame", folds: int) -> list[Fold]:
    """Hold out each group once, with about as many others; raises `DataError` for fewer groups than folds."""
    import pandas as pd

    group, names = pd.factorize(frame["group"], sort=True)
    if len(names) < folds:
        raise DataError(f"Cannot make {folds} folds of {len(names)} groups. Use fewer (search.folds in params.yaml).")
    fold = np.random.default_rng(0).permutation(len(names)) % folds
    return [Fold(~held, held) for held in (fold[group] == number for number in range(folds))]


def _fold_by_time(frame: "pd.DataFrame", split: SplitParams, folds: int) -> list[Fold]:
    """Cut one block more than folds, of about as many rows: the oldest is only fitted on (forward chaining)."""
    found = list(_blocks(frame, split, folds))
    if not all(fold.train.any() and fold.held.any() for fold in found):
        raise DataError(
            f"Cannot make {folds} folds by {split.by} of {read_days(frame).nunique():,} days, with a gap of "
            f"{split.gap_days}: one has no rows to fit on, or none to score. Use fewer (search.folds in params.yaml)."
        )
    return found


def _blocks(frame: "pd.DataFrame", split: SplitParams, folds: int) -> Iterator[Fold]:
    days = read_days(frame)
    ordered = days.sort_values(ignore_index=True)
    starts = [ordered[len(days) * number // (folds + 1)] for number in range(1, folds + 1)]
    for number, (start, end) in enumerate(pairwise([*starts, None])):
        # Another salt: by both, the groups that the split's own holds out are not among these rows.
        here = replace(split, from_day=start.date(), salt=f"{split.salt} fold {number}")
        held = mark_held_out(frame, here) & (days < end if end is not None else True)
        yield Fold(mark_trained(frame, here).to_numpy(), held.to_numpy())
