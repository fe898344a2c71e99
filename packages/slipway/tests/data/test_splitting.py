"""Whole groups are held out, the same ones whatever other rows the data has."""

import pandas as pd
import pytest

from slipway.data.splitting import split_frame
from slipway.errors import DataError
from slipway.params import SplitParams

SPLIT = SplitParams(salt="s", holdout=0.3)


def days(first, last):
    groups = [f"day-{day}" for day in range(first, last) for _ in range(3)]
    return pd.DataFrame({"x": range(len(groups)), "target": 0, "group": groups})


def test_no_group_is_in_both_parts_and_no_row_is_lost():
    train, holdout = split_frame(days(0, 100), SPLIT)
    assert not set(train["group"]) & set(holdout["group"])
    assert sorted([*train["x"], *holdout["x"]]) == list(range(300))
    assert 15 <= holdout["group"].nunique() <= 45


def test_new_data_moves_no_old_group():
    _, before = split_frame(days(0, 100), SPLIT)
    _, after = split_frame(days(0, 200), SPLIT)
    old = {f"day-{day}" for day in range(100)}
    assert set(after["group"]) & old == set(before["group"])


def test_another_salt_is_another_holdout():
    _, one = split_frame(days(0, 100), SPLIT)
    _, other = split_frame(days(0, 100), SplitParams(salt="t", holdout=0.3))
    assert set(one["group"]) != set(other["group"])


def test_without_groups_equal_rows_stay_together():
    frame = pd.DataFrame({"x": [n % 50 for n in range(200)], "target": range(200)})
    train, holdout = split_frame(frame, SPLIT)
    assert not set(train["x"]) & set(holdout["x"])


def test_too_few_groups_are_refused_with_the_numbers():
    with pytest.raises(DataError, match="expected 8 or more in each part, found 4 for training and 5 for the holdout"):
        split_frame(days(0, 9), SPLIT)


def test_a_key_does_not_separate_equal_rows():
    frame = pd.DataFrame({"x": [n % 50 for n in range(200)], "target": 0, "key": range(200)})
    train, holdout = split_frame(frame, SPLIT)
    assert not set(train["x"]) & set(holdout["x"])


def test_a_whole_number_stored_as_float_moves_no_row():
    frame = pd.DataFrame({"x": range(200), "target": 0})
    _, integers = split_frame(frame, SPLIT)
    _, floats = split_frame(frame.astype({"x": float}), SPLIT)
    assert integers["x"].tolist() == floats["x"].tolist()


def test_groups_of_another_type_than_text_are_refused():
    with pytest.raises(DataError, match="group: expected text in every row, found int64"):
        split_frame(days(0, 100).assign(group=range(300)), SPLIT)
