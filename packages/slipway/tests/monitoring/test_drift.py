"""Windows of production are compared with the reference: quiet while nothing changes, right about what does."""

import msgspec
import numpy as np
import pytest
from streams import SHOPS, Stream, cut, make_reference, make_stream, score_stream, summarize

from slipway.bundle.profile import Order
from slipway.columns import take_rows
from slipway.monitoring.drift.limits import Against
from slipway.monitoring.drift.measure import DriftRules, is_unusual, measure_drift_windows
from slipway.monitoring.drift.window_figure import DayRange
from slipway.training.reference.cut_blocks import BlockedRows
from slipway.training.reference.histograms import summarize_days

START, QUIET = 273, 329
WEATHER = ("warmth", "wind", "pressure", "rain")


@pytest.fixture(scope="module")
def stream():
    return make_stream(seed=11, days=350)


@pytest.fixture(scope="module")
def reference(stream):
    return make_reference(cut(stream, 0, START))


def measure(reference, stream, first=QUIET, windows=2, rules=None, scores=None):
    planned = [DayRange(first + 7 * number, 7) for number in range(windows)]
    return measure_drift_windows(reference, summarize(reference, stream, scores), planned, rules)


def find(measurements, name):
    return next(each for each in measurements if each.name == name)


def unusual(measurements):
    return [each.name for each in measurements if is_unusual(each)]


def change(stream, first, **columns):
    """The stream with other values from a day on: each a function of the old values, and of which rows are meant."""
    after = stream.days >= first
    changed = {
        name: np.where(after, alter(stream.columns[name]), stream.columns[name]) for name, alter in columns.items()
    }
    return Stream(stream.columns | changed, stream.days)


def drop(stream, rows):
    return Stream(take_rows(stream.columns, rows), stream.days[rows])


def test_clean_windows_raise_at_most_one_alarm_in_a_hundred():
    """Fourteen streams of 14 weeks: what the benchmark measures on a hundred, where it is .6 %."""
    raised = windows = 0
    for seed in range(500, 507):
        stream = make_stream(seed, days=399, rows=80)
        found = measure(make_reference(cut(stream, 0, START)), cut(stream, START, 399), first=301, windows=14)
        raised += sum(bool(unusual(each)) for each in found)
        windows += len(found)
    assert windows == 98
    assert raised <= 1


def some_days(stream, random, share):
    """A share of the rows from the fault's first day on."""
    return (stream.days >= QUIET) & (random.random(len(stream.days)) < share)


def some(random, share, value):
    return lambda old: np.where(random.random(len(old)) < share, value, old)


def yesterday(stream, name):
    """Each row has the value that its hour had a day before."""
    hours = ((stream.columns["ordered"] - np.datetime64("2024-01-01")) // np.timedelta64(1, "h")).astype(int)
    known = dict(zip(hours.tolist(), stream.columns[name].tolist(), strict=True))
    old = zip(hours.tolist(), stream.columns[name].tolist(), strict=True)
    return np.array([known.get(hour - 24, value) for hour, value in old])


FAULTS = {
    "another unit": (lambda s, r: change(s, QUIET, warmth=lambda v: v * 1.8 + 32), {"warmth"}),
    "missing": (lambda s, r: change(s, QUIET, pressure=some(r, 0.4, np.nan)), {"pressure"}),
    "absent": (lambda s, r: change(s, QUIET, amount=lambda v: v * np.nan), {"amount"}),
    "unseen category": (lambda s, r: change(s, QUIET, shop=some(r, 0.03, "shop-99")), {"shop"}),
    "a category gone": (lambda s, r: drop(s, (s.days < QUIET) | (s.columns["shop"] != SHOPS[0])), {"shop"}),
    "a default": (lambda s, r: change(s, QUIET, town=some(r, 0.2, "ulm")), {"town"}),
    "time shift": (lambda s, r: change(s, QUIET, ordered=lambda v: v + np.timedelta64(5, "h")), {"ordered"}),
    "silent constant": (lambda s, r: change(s, QUIET, pressure=lambda v: v * 0 + 1015), {"pressure"}),
    "inverted flag": (lambda s, r: change(s, QUIET, member=lambda v: 1 - v), {"member"}),
    "whole numbers doubled": (lambda s, r: change(s, QUIET, pieces=lambda v: v * 2), {"pieces"}),
    "covariate shift": (lambda s, r: change(s, QUIET, amount=lambda v: v * 1.5), {"amount"}),
    "duplicated traffic": (
        lambda s, r: drop(s, np.repeat(np.arange(len(s.days)), 1 + some_days(s, r, 0.3))),
        {"duplicates", "volume"},
    ),
    "half of the traffic": (lambda s, r: drop(s, (s.days < QUIET) | (r.random(len(s.days)) < 0.4)), {"volume"}),
    "stale upstream": (
        lambda s, r: change(s, QUIET, **{n: (lambda v, n=n: yesterday(s, n)) for n in WEATHER}),
        {"stale"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_within_two_windows_and_its_column_is_named_first(stream, reference, fault):
    inject, right = FAULTS[fault]
    changed = inject(cut(stream, START, 350), np.random.default_rng(3))
    found = [each for each in measure(reference, changed, windows=2) if unusual(each)]
    assert found, fault
    first = found[0][0]
    assert (first.name.split(":")[1] if ":" in first.name else first.name) in right, first


def test_nothing_is_unusual_in_the_same_windows_without_a_fault(stream, reference):
    assert [unusual(each) for each in measure(reference, cut(stream, START, 350), windows=3)] == [[], [], []]


def test_inverted_scores_are_drift_of_the_score_alone(stream, reference):
    rows = cut(stream, START, 350)
    scores = score_stream(rows.columns)
    found = measure(reference, rows, scores=np.where(rows.days >= QUIET, 1 - scores, scores))[0]
    assert unusual(found) == ["drift:score"]


def test_a_fault_that_is_fixed_does_not_raise_again_and_one_that_lasts_does(stream, reference):
    """The days of an alarm are left out of the recent reference, so that a clean week after it is quiet."""
    rows = cut(stream, START, 350)
    broken = change(rows, 322, warmth=lambda v: v * 1.8 + 32)
    fixed = Stream(
        broken.columns | {"warmth": np.where(rows.days >= 336, rows.columns["warmth"], broken.columns["warmth"])},
        rows.days,
    )
    assert ["drift:warmth" in unusual(each) for each in measure(reference, broken, first=315, windows=4)] == [
        False,
        True,
        True,
        True,
    ]
    assert ["drift:warmth" in unusual(each) for each in measure(reference, fixed, first=315, windows=4)] == [
        False,
        True,
        True,
        False,
    ]


def test_what_has_seasons_is_held_against_the_recent_past_unless_declared(stream, reference):
    found = measure(reference, cut(stream, START, 350))[0]
    assert find(found, "drift:warmth").note == "against the 28 days before"
    assert find(found, "drift:town").note == "against all training rows"
    declared = DriftRules(against={"warmth": Against.PROFILE, "town": Against.RECENT})
    found = measure(reference, cut(stream, START, 350), rules=declared)[0]
    assert find(found, "drift:warmth").note == "against all training rows"
    assert find(found, "drift:town").note == "against the 28 days before"


def test_columns_are_ranked_by_how_much_the_model_leans_on_them(stream, reference):
    found = measure(reference, cut(stream, START, 350))[0]
    ranks = {each.name: each.rank for each in found if each.name.startswith("drift:")}
    assert ranks["drift:warmth"] == 0
    assert ranks["drift:town"] > ranks["drift:amount"]
    assert ranks["drift:score"] is None


def test_a_stricter_rate_of_false_alarms_gives_higher_limits(stream, reference):
    rows = cut(stream, START, 350)
    usual = measure(reference, rows)[0]
    strict = measure(reference, rows, rules=DriftRules(false_alarms=1e-4))[0]
    assert all(find(strict, each.name).limit >= each.limit for each in usual if each.limit)
    assert any(find(strict, each.name).limit > each.limit for each in usual if each.limit)


def test_the_first_weeks_of_a_log_are_held_against_the_training_days(stream, reference):
    rows = cut(stream, START, START + 7)
    found = measure(reference, rows, first=START, windows=1)[0]
    assert find(found, "drift:warmth").note == "against all training rows: only 0 days before this window"
    assert find(found, "volume").note == "only 0 days before this window, 14 needed"
    assert find(found, "volume").figure is None


def test_without_inputs_the_score_and_the_volume_are_measured(stream, reference):
    rows = cut(stream, START, 350)
    histograms = summarize_days({}, score_stream(rows.columns), rows.days, reference.profile, {})
    found = measure_drift_windows(reference, histograms, [DayRange(QUIET, 7)])[0]
    assert {each.name for each in found} == {"drift:score", "volume", "duplicates", "stale"}
    assert find(found, "drift:score").figure is not None


def test_a_window_without_rows_is_said_to_have_none(stream, reference):
    found = measure(reference, cut(stream, START, 322), windows=1)[0]
    assert find(found, "drift:warmth").note == "no rows in this window"
    assert unusual(found) == []


def test_a_reference_of_groups_or_rows_has_limits_and_no_seasons(stream):
    rows = cut(stream, 0, START)
    for order in (Order.GROUPS, Order.ROWS):
        # Rows that are spread evenly, as block_rows does without days.
        blocks = np.arange(len(rows.days)) % 256
        reference = make_reference(rows, held_out=0.0, order=BlockedRows(order, blocks, np.empty(0, np.int64)))
        found = measure(reference, cut(stream, START, 350), windows=1)[0]
        town = find(found, "drift:town")
        assert town.note == "against all training rows"
        assert town.figure.value < town.limit < 0.2


def test_a_bundle_without_blocks_is_held_against_the_log_itself(stream, reference):
    old = msgspec.structs.replace(
        reference, series=None, profile=msgspec.structs.replace(reference.profile, blocks=None)
    )
    rows = change(cut(stream, 200, 350), QUIET, warmth=lambda v: v * 1.8 + 32)
    found = measure(old, rows)[0]
    assert find(found, "drift:warmth").note == "against the 28 days before"
    assert "drift:warmth" in unusual(found)
    young = measure(old, cut(stream, 300, 350))[0]
    assert find(young, "drift:warmth").limit is None
    assert "no limit" in find(young, "drift:warmth").note
