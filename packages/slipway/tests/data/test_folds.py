"""Folds are cut as the split cuts: no group on both sides, and by time nothing newer than what is scored."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from slipway.data.folds import make_folds
from slipway.errors import DataError
from slipway.params import SplitBy, SplitParams

DAY = pd.Timedelta(days=1)


def split(by, **given):
    return SplitParams(salt="s", holdout=0.4, by=by, **given)


@pytest.fixture
def rows():
    """Customers who come back on several days."""
    rng = np.random.default_rng(0)
    day = pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 90, 3000), unit="D"))
    time = day + pd.to_timedelta(rng.integers(0, 1440, 3000), unit="min")
    return pd.DataFrame({"time": time, "group": rng.integers(0, 200, 3000).astype(str)})


def test_by_group_every_group_is_held_out_once(rows):
    folds = make_folds(rows, split(SplitBy.GROUP), 4)
    assert np.array_equal(sum(fold.held.astype(int) for fold in folds), np.ones(len(rows)))
    for fold in folds:
        assert np.array_equal(fold.train, ~fold.held)
        assert not set(rows["group"][fold.train]) & set(rows["group"][fold.held])
        assert 0.2 < fold.held.mean() < 0.3


@pytest.mark.parametrize("by", [SplitBy.TIME, SplitBy.BOTH])
def test_by_time_a_model_is_fitted_on_what_is_older_and_scored_on_days_of_its_own(rows, by):
    if by is SplitBy.TIME:
        rows["group"] = rows["time"].dt.strftime("%Y-%m-%d")
    folds = make_folds(rows, split(by, gap_days=3), 4)
    seen = np.zeros(len(rows), dtype=int)
    for fold in folds:
        first = rows["time"][fold.held].min().floor("D")
        assert rows["time"][fold.train].max() < first - 3 * DAY
        assert rows["time"][fold.train].max() >= first - 4 * DAY, "no row is left out that may be fitted on"
        assert not set(rows["group"][fold.train]) & set(rows["group"][fold.held])
        seen += fold.held
    assert seen.max() == 1
    held = [rows["time"][fold.held] for fold in folds]
    assert all(one.max() < other.min() for one, other in pairwise(held))
    assert seen.mean() == pytest.approx(0.8 if by is SplitBy.TIME else 0.8 * 0.4, abs=0.06)


def test_by_time_a_group_that_was_there_before_is_not_scored(rows):
    rows["group"] = np.where(rows.index < 40, "old", rows["time"].astype(str))
    for fold in make_folds(rows, split(SplitBy.TIME), 3):
        assert not fold.held[:40].any()


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (SplitBy.GROUP, "Cannot make 5 folds of 3 groups"),
        (SplitBy.TIME, "Cannot make 5 folds by time of 4 days, with a gap of 0"),
    ],
)
def test_too_few_groups_or_days_are_an_error(rows, by, told):
    few = rows[rows["time"] < rows["time"].min().floor("D") + 4 * DAY]
    few = few.assign(group=[f"{number % 3 if by is SplitBy.GROUP else number}" for number in range(len(few))])
    with pytest.raises(DataError, match=told):
        make_folds(few, split(by), 5)
