"""Numbers that go together: one that leaves the others is found in whatever season, and named with those it took along.

The stream's dew point follows from warmth and dampness, its gusts from the wind.
"""

import time

import numpy as np
import pytest
from streams import Stream, cut, make_reference, make_stream, relate, summarize

from slipway.bundle.profile import Distribution, Order, Profile
from slipway.monitoring.drift.disagreement import Disagreement
from slipway.monitoring.drift.measure import is_unusual, measure_drift_windows
from slipway.monitoring.drift.reference import DriftReference
from slipway.monitoring.drift.relations import make_relations
from slipway.monitoring.drift.window_figure import DayRange
from slipway.training.reference.blocks import BlockSeries
from slipway.training.reference.cut_blocks import BlockedRows

# The fault begins on the third day of the first window.
WINDOWS, BEGIN = (327, 334), 329


@pytest.fixture(scope="module")
def stream():
    return relate(make_stream(seed=21, days=364), 21)


@pytest.fixture(scope="module")
def reference(stream):
    return make_reference(cut(stream, 0, 273))


def measure(reference, stream, windows=WINDOWS):
    planned = [DayRange(first, 7) for first in windows]
    return measure_drift_windows(reference, summarize(reference, cut(stream, 273, 364)), planned)


def change(stream, column, alter, until=364):
    days = stream.days
    within = (days >= BEGIN) & (days < until)
    values = np.where(within, alter(stream.columns[column], days - BEGIN), stream.columns[column])
    return Stream(stream.columns | {column: values}, days)


def unusual(found, first=""):
    return [each.name for each in found if is_unusual(each) and each.name.startswith(first)]


# The fault, and the numbers that may be named for it: of two that go together, their values do not tell which is wrong.
FAULTS = {
    "another offset": ("warmth", lambda v, _: v - 14, {"warmth"}),
    "another unit": ("damp", lambda v, _: v / 100, {"damp"}),
    "wind in m/s": ("wind", lambda v, _: v * 0.447, {"wind", "gust"}),
    "a sensor that wears": ("dew", lambda v, days: v + 1.5 * days, {"dew", "warmth", "damp"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_number_that_leaves_the_others_is_found_within_two_windows(stream, reference, fault):
    column, alter, right = FAULTS[fault]
    found = [unusual(each, "relation:") for each in measure(reference, change(stream, column, alter))]
    named = next(each for each in found if each)
    assert {each.removeprefix("relation:") for each in named} <= right


def test_those_that_deviate_along_with_it_are_named_in_the_note_and_raise_nothing(stream, reference):
    (_, found) = measure(reference, change(stream, "damp", lambda v, _: v / 100))
    measured = {each.name: each for each in found}
    assert unusual(found, "relation:") == ["relation:damp"]
    assert "below what the other numbers of a day say of it" in measured["relation:damp"].note
    assert "dew and warmth deviate with it: if not this one, one of them is wrong" in measured["relation:damp"].note
    assert 40 < measured["relation:damp"].figure.value < 70
    assert measured["relation:damp"].limit < 10


def test_nothing_deviates_while_nothing_changes_but_the_season(stream, reference):
    assert [unusual(each) for each in measure(reference, stream, range(301, 357, 7))] == [[]] * 8


def test_a_number_that_does_not_arrive_says_nothing_of_the_others(stream, reference):
    found = measure(reference, change(stream, "damp", lambda v, _: v * np.nan))
    assert [unusual(each, "relation:") for each in found] == [[], []]
    assert [each.note for each in found[1] if each.name == "relation:damp"] == ["no values on too many of the days"]


def test_the_others_are_quiet_after_the_fault_is_fixed(stream, reference):
    fixed = change(stream, "damp", lambda v, _: v / 100, until=341)
    found = measure(reference, fixed, range(327, 357, 7))
    assert [unusual(each, "relation:") for each in found[1:]] == [["relation:damp"], [], [], []]


def test_numbers_that_the_others_do_not_explain_are_not_watched(stream, reference):
    names = {each.name for each in measure(reference, stream)[0] if each.name.startswith("relation:")}
    assert names == {"relation:damp", "relation:dew", "relation:gust", "relation:warmth", "relation:wind"}


def test_too_few_days_before_a_window_are_said(stream, reference):
    planned = [DayRange(340, 7)]
    (found,) = measure_drift_windows(reference, summarize(reference, cut(stream, 330, 364)), planned)
    (measured,) = (each for each in found if each.name == "relation:dew")
    assert (measured.figure, measured.note) == (None, "only 10 days before this window, 14 needed")


def test_blocks_that_are_no_days_have_no_relations(stream):
    rows = cut(stream, 0, 273)
    order = BlockedRows(Order.GROUPS, rows.days, np.empty(0, np.int64))
    (found,) = measure(make_reference(rows, held_out=0.0, order=order), stream, [334])
    assert not [each for each in found if each.name.startswith("relation:")]


def test_a_hundred_numbers_that_all_go_together_take_seconds():
    """Some twenty of them wrong at once; without a bound on the predictors it takes minutes."""
    random = np.random.default_rng(0)
    names = [f"number-{place:02}" for place in range(100)]
    weights = random.normal(size=(5, 100)) * 0.05

    def make(days):
        means = random.normal(size=(len(days), 5)) @ weights + 0.5 + random.normal(size=(len(days), 100)) * 0.01
        return BlockSeries(
            order=Order.DAYS,
            days=days,
            rows=np.full(len(days), 500),
            counts={name: np.tile([0, 500, 0], (len(days), 1)) for name in names},
            means=dict(zip(names, means.T, strict=True)),
            repeated=np.zeros(len(days)),
            stale=np.zeros(len(days)),
        )

    edges = {name: Distribution(edges=(0.0, 1.0), shares=(1.0,)) for name in names}
    reference = DriftReference(profile=Profile(1, edges, ()), vocabularies={}, series=make(np.arange(250)), ranks={})
    series, inside = make(np.arange(1000, 1035)), np.arange(35) >= 28
    for name in names[:20]:
        series.means[name][inside] *= 0.2
    began = time.process_time()
    relations = make_relations(reference.profile, reference.series)
    found = Disagreement(relations, series, inside, ~inside, 7, 1e-5).measure(reference)
    assert time.process_time() - began < 20
    assert {f"relation:{name}" for name in names[:20]} <= set(unusual(found))
