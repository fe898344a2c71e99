"""Faults by name: what each kind changes, in which rows, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from churn.dataset import make
from churn.problem import PROBLEM

from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.errors import DataError
from slipway.monitoring.replay.fault_kinds import KINDS
from slipway.monitoring.replay.faults import inject_faults, parse_fault

FIELDS = read_contract(PROBLEM.contract)
ALL = (
    "unit:usage:60",
    "missing:usage:0.3",
    "unseen:town:0.2",
    "outside:months:0.1",
    "constant:usage",
    "stale:usage:48:plan",
    "shift:joined:5",
    "slow:usage",
    "swap:plan:basic:plus",
    "rename:usage",
    "drop-plan:basic",
    "duplicate:0.3",
    "labels:flip:0.2",
    "labels:lost:0.5",
    "labels:late:72",
    "outcome:plan=basic:0.4",
)


@pytest.fixture(scope="module")
def rows():
    frame = make(2000, seed=1).sort_values("time", kind="stable", ignore_index=True)
    time = frame["time"].dt.tz_localize("UTC")
    return frame.assign(time=time, settled=time + pd.Timedelta(hours=3), day=frame["time"])


def inject(rows, *texts, seed=7):
    return inject_faults(rows, FIELDS, [parse_fault(text) for text in texts], seed)


def differs(one, other):
    return ~((one == other) | (one.isna() & other.isna())).fillna(False).to_numpy(dtype=bool)


def test_every_kind_is_tried_here():
    assert {parse_fault(text).kind for text in ALL} == KINDS.keys()
    assert len(KINDS) >= 12


@pytest.mark.parametrize("text", ALL)
def test_a_fault_changes_the_rows_of_its_period_alone_and_the_same_ones_again(rows, text):
    before = rows.copy()
    period = f"{text}@2024-02-01..2024-02-10"
    found = inject(rows, period)
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(found, inject(rows, period))
    assert not found.equals(rows)
    outside = ~rows["day"].between("2024-02-01", "2024-02-10")
    kept = found[~found["day"].between("2024-02-01", "2024-02-10")]
    columns = [*rows.columns]
    pd.testing.assert_frame_equal(
        kept[columns].reset_index(drop=True), rows[outside].reset_index(drop=True), check_dtype=False
    )
    assert frame_to_columns(FIELDS, found).keys() == {field.name for field in FIELDS}


def test_each_kind_changes_what_its_name_says(rows):
    usage = rows["usage"]
    assert np.allclose(inject(rows, "unit:usage:60:1")["usage"], usage * 60 + 1, equal_nan=True)
    more = inject(rows, "missing:usage:0.3")["usage"].isna().mean()
    assert more == pytest.approx(usage.isna().mean() + 0.7 * 0.3 + 0.0, abs=0.1)
    unseen = inject(rows, "unseen:town:0.2")["town"]
    assert (~unseen.isin(rows["town"].dropna()) & unseen.notna()).mean() == pytest.approx(0.2, abs=0.03)
    assert unseen.dropna().str.fullmatch("[a-z]+").all()
    assert inject(rows, "outside:months:1")["months"].eq(601).all()
    assert inject(rows, "constant:usage:2.5")["usage"].eq(2.5).all()
    shifted = inject(rows, "shift:joined:5")["joined"] - rows["joined"]
    assert shifted.dropna().eq(pd.Timedelta(hours=5)).all()
    assert inject(rows, "drop-plan:basic")["plan"].isin(["plus", "family"]).all()
    assert len(inject(rows, "duplicate:1")) == 2 * len(rows)
    swapped = inject(rows, "swap:plan:basic:plus")["plan"]
    assert (swapped == "basic").sum() == (rows["plan"] == "plus").sum()


def test_stale_values_are_those_of_the_same_part_that_many_hours_before(rows):
    found = inject(rows, "stale:months:24:plan")
    for number in (900, 1500, 1999):
        row = rows.loc[number]
        earlier = rows[(rows["time"] <= row["time"] - pd.Timedelta(hours=24)) & (rows["plan"] == row["plan"])]
        assert found["months"][number] == earlier["months"].iloc[-1]


def test_a_slow_decay_begins_at_nothing_and_ends_at_its_amount(rows):
    step = (inject(rows, "slow:months:20")["months"] - rows["months"]).to_numpy()
    assert step[0] == 0
    assert step[-1] == 20
    assert (np.diff(step) >= 0).all()


def test_outcomes_are_flipped_lost_delayed_or_become_those_of_another_world(rows):
    assert differs(inject(rows, "labels:flip:0.2")["target"], rows["target"]).mean() == pytest.approx(0.2, abs=0.03)
    assert inject(rows, "labels:lost:0.5")["settled"].isna().mean() == pytest.approx(0.5, abs=0.05)
    late = inject(rows, "labels:late:72")["settled"] - rows["settled"]
    assert late.eq(pd.Timedelta(hours=72)).all()
    found, part = inject(rows, "outcome:plan=basic:0.4"), rows["plan"] == "basic"
    assert not differs(found["target"], rows["target"])[~part].any()
    expected = 1 - 0.6 * (1 - rows["target"][part].mean())
    assert found["target"][part].mean() == pytest.approx(expected, abs=0.04)


def test_one_fault_more_does_not_change_what_the_others_hit(rows):
    alone = inject(rows, "missing:usage:0.3")["usage"]
    assert alone.equals(inject(rows, "labels:flip:0.2", "missing:usage:0.3")["usage"])
    assert not alone.equals(inject(rows, "missing:usage:0.3", seed=8)["usage"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("celsius:usage", "Unknown fault .* missing:COLUMN:SHARE"),
        ("drop:plan", "Unknown fault"),
        ("missing:usage", "expected missing:COLUMN:SHARE"),
        ("unit::3", r"expected unit:COLUMN\[:FACTOR"),
        ("duplicate:0.3@2024-02-30..", "expected the first and the last day after @"),
        ("duplicate:0.3@2024-02-03..2024-02-01", "the last day, 2024-02-01, is before the first"),
        ("missing:usagee:0.3", "no field 'usagee'; it has plan, town"),
        ("missing:usage:1.3", "expected a share"),
        ("unseen:usage:0.3", "usage is of the kind number, expected category"),
        ("unseen:plan:0.3:basic", "basic occurs in plan"),
        ("unit:usage", "unit 'h/day', of which no other unit is known"),
        ("outcome:plan=gold:0.4", "no row of the period has plan = 'gold'"),
        ("shift:usage:much", "expected a number, found 'much'"),
    ],
)
def test_what_cannot_be_injected_is_refused_with_what_is_expected(rows, text, words):
    with pytest.raises(DataError, match=words):
        inject(rows, text)
