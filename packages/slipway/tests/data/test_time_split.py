"""Splits by time, and by time and group: whole days, whole groups, and no row that changes sides."""

from datetime import date, timedelta

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.data.split_days import fix_split_day
from slipway.data.splitting import add_groups, is_held_out, mark_held_out, mark_seen, mark_trained, split_frame
from slipway.errors import DataError
from slipway.params import SplitBy, SplitParams

NEWEST = SplitParams(salt="s", by=SplitBy.TIME, holdout=0.25)
SINCE = SplitParams(salt="s", by=SplitBy.TIME, from_day=date(2024, 3, 1))
BOTH = SplitParams(salt="s", by=SplitBy.BOTH, holdout=0.4)
FIRST = pd.Timestamp("2024-01-01")


def make_days(number, rows=3):
    """So many days with some rows each, whose group is the day."""
    times = [FIRST + pd.Timedelta(days=day, hours=hour) for day in range(number) for hour in range(rows)]
    frame = pd.DataFrame({"x": range(len(times)), "target": 0, "time": times})
    return frame.assign(group=frame["time"].dt.strftime("%Y-%m-%d"))


def make_customers(number=40, days=100):
    """Customers with a row on every fifth day, in all of the time."""
    frame = make_days(days, rows=number)
    frame = frame.assign(group=[f"customer {row % number}" for row in range(len(frame))])
    return frame[(frame["x"] // number + frame["x"]) % 5 == 0].reset_index(drop=True)


def test_the_newest_share_is_held_out_in_whole_days():
    train, holdout = split_frame(make_days(100), NEWEST)
    assert (train["group"].nunique(), holdout["group"].nunique()) == (75, 25)
    assert train["time"].max() < holdout["time"].min()
    # A quarter of 101 days ends within a day, which is held out as a whole.
    assert split_frame(make_days(101), NEWEST)[1]["group"].nunique() == 26


def test_a_day_holds_out_what_happened_from_it_on_in_utc():
    train, holdout = split_frame(make_days(100), SINCE)
    assert (holdout["time"].min(), train["time"].max()) == (
        pd.Timestamp("2024-03-01"),
        pd.Timestamp("2024-02-29 02:00"),
    )
    abroad = make_days(100).assign(time=lambda frame: frame["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    assert split_frame(abroad, SINCE)[1]["time"].min() == pd.Timestamp("2024-03-01 09:00", tz="Asia/Tokyo")


def test_rows_of_the_gap_are_in_neither_part():
    whole, held = split_frame(make_days(100), NEWEST)
    train, holdout = split_frame(make_days(100), msgspec.structs.replace(NEWEST, gap_days=7))
    assert holdout.equals(held)
    assert train["group"].tolist() == whole["group"].tolist()[: -7 * 3]


def test_both_holds_out_newer_rows_of_groups_that_are_not_trained_on():
    frame = make_customers()
    train, holdout = split_frame(frame, BOTH)
    day = fix_split_day(frame, BOTH).from_day
    assert day == date(2024, 3, 1)
    assert holdout["time"].min() >= pd.Timestamp(day) > train["time"].max()
    assert all(is_held_out(name, BOTH) for name in holdout["group"])
    assert not any(is_held_out(name, BOTH) for name in train["group"])
    assert len(train) + len(holdout) < 0.8 * len(frame)


def test_by_time_a_group_with_older_rows_is_not_held_out():
    frame = make_days(100)
    old = frame["group"].isin(["2024-04-01"]) | (frame["x"] == 0)
    train, holdout = split_frame(frame.assign(group=frame["group"].mask(old, "an old one")), NEWEST)
    assert "an old one" in set(train["group"])
    assert not set(train["group"]) & set(holdout["group"])
    assert pd.Timestamp("2024-04-01") not in set(holdout["time"].dt.floor("D"))
    assert train["time"].max() < holdout["time"].min()


def test_equal_rows_without_a_group_stay_together():
    frame = make_days(100).drop(columns="group").assign(x=lambda frame: frame["x"] % 100)
    later = frame[frame["time"] >= pd.Timestamp("2024-02-01")].assign(x=lambda frame: 100 + frame["x"] % 50)
    train, holdout = split_frame(
        pd.concat([frame[frame["time"] < pd.Timestamp("2024-02-01")], later]),
        msgspec.structs.replace(SINCE, from_day=date(2024, 2, 1)),
    )
    assert not set(train["x"]) & set(holdout["x"])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (make_days(100).drop(columns="time"), "the dataset has no column `time`. Let dataset.py return when each row"),
        (make_days(100).assign(time=pd.NaT), "300 of 300 rows have no `time`"),
        (make_days(100).assign(time="soon"), "expected times in the column `time`"),
        # As nanoseconds since 1970, each of these seconds would be of one day.
        (make_days(100).assign(time=1_700_000_000), r"expected times in the column `time`, found numbers \(int64\)"),
    ],
)
@pytest.mark.parametrize("split", [NEWEST, SINCE, BOTH], ids=["newest", "since", "both"])
def test_rows_without_a_time_are_refused_with_what_to_add(frame, said, split):
    with pytest.raises(DataError, match=f"Cannot split by time: .*{said}.*split.by: group"):
        split_frame(frame, split)


@pytest.mark.parametrize("split", [NEWEST, BOTH], ids=["newest", "both"])
def test_an_empty_dataset_is_an_error_that_says_so(split):
    with pytest.raises(DataError, match="the dataset has no rows"):
        split_frame(make_days(100).head(0), split)


def test_too_few_groups_are_refused_with_the_key_to_change():
    with pytest.raises(DataError, match=r"found 60 for training and 4 for the.*change split\.from \(now 2024-03-01\)"):
        split_frame(make_days(64), SINCE)
    with pytest.raises(DataError, match=r"found 40 for training and 0 .*40 of 40 groups have rows before .*by: both"):
        split_frame(make_customers(), NEWEST)


SPLITS = st.builds(
    SplitParams,
    salt=st.sampled_from(["s", "t"]),
    by=st.sampled_from([SplitBy.TIME, SplitBy.BOTH]),
    holdout=st.floats(0.05, 0.95),
    from_day=st.none() | st.integers(0, 60).map(lambda day: date(2024, 1, 1) + timedelta(days=day)),
    gap_days=st.integers(0, 10),
)
ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12)), min_size=1, max_size=60
)  # the day and the group of each row


def make_rows(rows):
    times = [FIRST + pd.Timedelta(days=day) for day, _ in rows]
    return pd.DataFrame({"target": 0, "time": times, "group": [f"g{group}" for _, group in rows]})


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, split=SPLITS)
def test_no_row_and_no_group_is_in_both_and_training_ends_before_the_gap(rows, split):
    frame = add_groups(make_rows(rows))
    fixed = fix_split_day(frame, split)
    held, trained, seen = (mark(frame, fixed) for mark in (mark_held_out, mark_trained, mark_seen))
    assert not (held & seen).any()
    assert (trained <= seen).all()
    assert not set(frame["group"][held]) & set(frame["group"][trained])
    if held.any() and trained.any():
        gap = frame["time"][held].min().floor("D") - frame["time"][trained].max()
        assert gap > pd.Timedelta(days=split.gap_days)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, more=ROWS, split=SPLITS)
def test_newer_rows_move_no_row_from_training_into_the_holdout(rows, more, split):
    before = make_rows(rows)
    last = max(day for day, _ in rows)
    after = pd.concat([before, make_rows([(last + day, group) for day, group in more])], ignore_index=True)
    old, new = fix_split_day(before, split), fix_split_day(after, split)
    assert new.from_day >= old.from_day
    trained, seen = mark_trained(before, old), mark_seen(before, old)
    held = mark_held_out(after, new).iloc[: len(before)]
    assert not (held & seen).any(), "a row that the older model has seen is held out for the newer one"
    assert mark_trained(after, new).iloc[: len(before)][trained].all(), "a row left the training set"
    if split.from_day:
        assert not (held & ~mark_held_out(before, old)).any()
