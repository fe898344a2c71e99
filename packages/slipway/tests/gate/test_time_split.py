"""A holdout that moves with time: models are compared on rows that neither has seen, records on days of both."""

import json
from datetime import date

import msgspec
import pandas as pd
import pytest
from gatebox import make_inputs

from slipway.data.group_names import Naming
from slipway.data.splitting import split_frame
from slipway.errors import DataError
from slipway.evaluation.record import decode_record, encode_record, make_record
from slipway.evaluation.scored import score_frame
from slipway.gate.checks.holdout import enough_unseen, holdout_disjoint, holdout_whole
from slipway.gate.checks.reproduction import production_reproduced, record_reproduced
from slipway.gate.moved import list_moved
from slipway.params import SplitBy, SplitParams

NEWEST = SplitParams(salt="toys", by=SplitBy.TIME, holdout=0.25)
SINCE = SplitParams(salt="toys", by=SplitBy.TIME, from_day=date(2024, 2, 10))
BOTH = SplitParams(salt="toys", by=SplitBy.BOTH, holdout=0.5)
BY_GROUP = SplitParams(salt="toys", holdout=0.3)
# The dataset has sixty days; production's model was evaluated when it had ended in the middle of the fiftieth.
BEFORE = pd.Timestamp("2024-02-19 12:00")


@pytest.fixture(scope="module")
def rows(toys):
    """All rows of churn, each at an hour of its day."""
    both = pd.concat([toys["churn"].train, toys["churn"].holdout], ignore_index=True)
    return both.assign(time=both["time"] + pd.to_timedelta(both["key"] % 24, unit="h"))


@pytest.fixture(scope="module")
def judge(toys, productions, rows):
    """The inputs of a candidate that was split by `split`, beside production's record of another time."""

    def make(before, split, now=None):
        record = evaluated(toys["churn"], productions["churn"], before, rows[rows["time"] <= BEFORE])
        train, holdout = split_frame(rows if now is None else now, split)
        toy = toys["churn"]._replace(params=with_split(toys["churn"], split), train=train, holdout=holdout)
        return make_inputs(toy, productions["churn"], evaluation_record=record)

    return make


def with_split(toy, split):
    return msgspec.structs.replace(toy.params, split=split)


def evaluated(toy, bundle, split, frame):
    """The record of a bundle on what `split` holds out, as a ledger keeps it."""
    _, holdout = split_frame(frame, split)
    record = make_record(bundle, toy.problem, with_split(toy, split), score_frame(bundle, holdout), holdout)
    return decode_record(encode_record(record))


def days(frame):
    return frame["time"].dt.strftime("%Y-%m-%d")


@pytest.mark.parametrize("gap", [0, 4])
def test_a_holdout_that_moved_by_its_share_is_compared_on_the_days_of_both(judge, gap):
    split = msgspec.structs.replace(NEWEST, gap_days=gap)
    inputs = judge(split, split)
    record, found = inputs.evaluation_record, inputs.reproduction
    first = days(inputs.holdout).min()
    common = [day for day in record.groups if day >= first]
    assert record.groups[0] < first < record.groups[-1] == "2024-02-19"
    assert (found.compared, found.changed, found.columns) == (len(common), (), {})
    known = inputs.holdout["time"] <= BEFORE
    assert found.found == found.recorded == known.sum() < sum(record.rows)
    assert all(check(inputs).passed for check in (production_reproduced, holdout_whole, record_reproduced))
    assert f"{known.sum():,} on the same days" in holdout_whole(inputs).observed
    assert len(inputs.compared_rows) == len(inputs.holdout)
    assert f"{len(inputs.holdout):,} of {len(inputs.holdout):,} rows" in enough_unseen(inputs).observed
    assert f"the holdout begins on {first}, that of production's model on {record.groups[0]}" in list_moved(inputs)


def test_a_day_stands_still_and_newer_rows_are_held_out(judge):
    inputs = judge(SINCE, SINCE)
    assert inputs.reproduction.compared == len(inputs.evaluation_record.groups) == 10
    assert inputs.reproduction.found == sum(inputs.evaluation_record.rows)
    assert not inputs.reproduction.changed
    assert not any("the holdout begins" in line for line in list_moved(inputs))


def damaged(rows):
    return rows.assign(usage=rows["usage"].mask(days(rows) == "2024-02-18", 0.1))


def without(day):
    return lambda rows: rows[days(rows) != day]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (damaged, "(2024-02-18 +"),
        (without("2024-02-17"), "1 missing"),
        # It should be in the training set now.
        (without("2024-02-09"), "2024-02-09 missing"),
        (lambda rows: rows[(days(rows) != "2024-02-18") | (rows["usage"] > 1)], "1 with another number of rows"),
    ],
    ids=["damaged", "missing", "missing before", "fewer"],
)
def test_rows_that_changed_under_a_moving_holdout_are_refused(judge, rows, change, said):
    inputs = judge(NEWEST, NEWEST, change(rows))
    found = production_reproduced(inputs)
    assert not found.passed
    assert said in found.observed


def test_days_before_the_oldest_that_is_left_may_go(judge, rows):
    half = msgspec.structs.replace(NEWEST, holdout=0.5)
    inputs = judge(half, half, rows[days(rows) >= "2024-02-05"])
    aged = [day for day in inputs.evaluation_record.groups if day < "2024-02-05"]
    found = production_reproduced(inputs)
    assert aged and found.passed
    assert f"{len(aged)} older groups left the data" in found.observed
    assert holdout_whole(inputs).passed


def test_a_holdout_that_moved_past_the_record_is_whole_and_says_so(judge):
    inputs = judge(NEWEST, msgspec.structs.replace(NEWEST, holdout=0.14))
    assert inputs.evaluation_record.groups[-1] < days(inputs.holdout).min()
    found = holdout_whole(inputs)
    assert found.passed
    assert (
        found.observed == f"{len(inputs.holdout):,} rows, all after the days on which production's model was evaluated"
    )


def test_the_holdout_is_not_whole_where_days_of_both_lost_rows(judge, rows):
    inputs = judge(NEWEST, NEWEST, rows[(days(rows) < "2024-02-14") | (days(rows) > "2024-02-16")])
    assert not holdout_whole(inputs).passed


def test_rows_that_production_was_trained_on_are_left_out(judge):
    earlier = msgspec.structs.replace(SINCE, from_day=date(2024, 2, 1))
    inputs = judge(SINCE, earlier)
    left = inputs.holdout["time"].iloc[inputs.compared_rows]
    assert left.min() == pd.Timestamp(SINCE.from_day)
    assert len(left) == (inputs.holdout["time"] >= pd.Timestamp(SINCE.from_day)).sum() < len(inputs.holdout)
    assert enough_unseen(inputs).passed
    assert f"{len(left):,} rows in 20 groups are left" in list_moved(inputs)[0]
    assert production_reproduced(inputs).passed


def test_the_gap_before_productions_holdout_counts_as_seen(judge):
    gap = msgspec.structs.replace(SINCE, gap_days=5)
    inputs = judge(gap, msgspec.structs.replace(gap, from_day=date(2024, 2, 6)))
    assert inputs.holdout["time"].iloc[inputs.compared_rows].min() == pd.Timestamp(SINCE.from_day)


def test_too_few_rows_that_neither_model_has_seen_are_refused(judge, rows):
    inputs = judge(SINCE, NEWEST, rows[rows["time"] < pd.Timestamp("2024-02-15")])
    found = enough_unseen(inputs)
    assert not found.passed
    assert "in 5 groups, seen by neither model" in found.observed
    assert len(inputs.compared_rows) == len(inputs.holdout)


@pytest.mark.parametrize("gap", [0, 4])
def test_after_a_split_by_group_the_groups_that_it_held_out_are_compared(judge, gap):
    inputs = judge(BY_GROUP, msgspec.structs.replace(NEWEST, gap_days=gap))
    held = set(inputs.evaluation_record.groups)
    left = inputs.holdout.iloc[inputs.compared_rows]
    assert 0 < len(left) <= len(inputs.holdout)
    assert set(left["group"]) & held
    assert not inputs.reproduction.missing
    assert inputs.reproduction.compared == len(held & set(inputs.holdout["group"]))


def test_by_both_the_held_out_groups_of_the_days_of_both_are_compared(judge, rows):
    customers = rows.assign(group=[f"customer {key % 90}" for key in rows["key"]])
    inputs = judge(BOTH, BOTH, rows)
    assert inputs.reproduction.compared > 0
    assert not inputs.reproduction.changed
    spoilt = rows.assign(usage=rows["usage"].mask(days(rows) > "2024-02-10", 0.1))
    assert not production_reproduced(judge(BOTH, BOTH, spoilt)).passed
    another = judge(BOTH, msgspec.structs.replace(BOTH, salt="another"), customers)
    assert another.reproduction.compared == 0
    assert production_reproduced(another).passed


def test_customers_that_come_back_are_the_same_rows_by_the_day(toys, productions, rows):
    customers = rows.assign(group=[f"customer {key % 90}" for key in rows["key"]])
    toy, bundle = toys["churn"], productions["churn"]
    record = evaluated(toy, bundle, BOTH, customers[customers["time"] <= BEFORE])
    train, holdout = split_frame(customers, BOTH)
    inputs = make_inputs(toy._replace(params=with_split(toy, BOTH), train=train, holdout=holdout), bundle)
    inputs = msgspec.structs.replace(inputs, evaluation_record=record)
    assert record.naming is Naming.DAYS
    assert inputs.reproduction.compared > 3
    assert not inputs.reproduction.changed


def test_days_of_few_rows_are_put_together_in_months(toys, productions, rows):
    few = rows[rows["key"] % 16 == 0]
    record = evaluated(toys["churn"], productions["churn"], msgspec.structs.replace(NEWEST, holdout=0.6), few)
    assert (record.naming, record.groups) == (Naming.MONTHS, ("2024-01", "2024-02"))


def test_rows_on_the_wrong_side_of_the_day_are_refused(judge):
    inputs = judge(SINCE, SINCE)
    assert holdout_disjoint(inputs).passed
    assert "rows held out from 2024-02-10 on" in holdout_disjoint(inputs).limit
    late = inputs.holdout[days(inputs.holdout) == "2024-02-20"].assign(group="2024-02-20 again")
    trained = msgspec.structs.replace(inputs, train=pd.concat([inputs.train, late], ignore_index=True))
    found = holdout_disjoint(trained)
    assert not found.passed
    assert f"{len(late)} rows on the wrong side of 2024-02-10" in found.observed
    gap = msgspec.structs.replace(SINCE, gap_days=2)
    params = msgspec.structs.replace(inputs.params, split=gap)
    assert not holdout_disjoint(msgspec.structs.replace(inputs, params=params)).passed


def test_a_record_of_another_day_is_not_the_candidates(judge):
    inputs = judge(NEWEST, NEWEST)
    said = inputs.committed_record
    moved = msgspec.structs.replace(said.split, from_day=date(2024, 2, 1))
    forged = msgspec.structs.replace(inputs, committed_record=msgspec.structs.replace(said, split=moved))
    assert not record_reproduced(forged).passed
    share = msgspec.structs.replace(inputs.params, split=msgspec.structs.replace(inputs.params.split, holdout=0.3))
    assert not record_reproduced(msgspec.structs.replace(inputs, params=share)).passed
    for until in (BEFORE, pd.Timestamp("2030-01-01")):
        other = msgspec.structs.replace(said, until=until.tz_localize("UTC").to_pydatetime())
        assert not record_reproduced(msgspec.structs.replace(inputs, committed_record=other)).passed


def test_a_record_by_group_has_no_key_of_the_time(toys, productions, rows):
    record = evaluated(toys["churn"], productions["churn"], BY_GROUP, rows)
    stored = json.loads(msgspec.json.encode(record))
    assert stored["split"] == {"salt": "toys", "holdout": 0.3}
    assert "until" not in stored


def test_rows_without_time_under_a_record_by_time_are_an_error(judge):
    inputs = judge(NEWEST, NEWEST)
    undated = msgspec.structs.replace(inputs, holdout=inputs.holdout.drop(columns="time"))
    with pytest.raises(DataError, match="no column `time`"):
        enough_unseen(undated)
