"""Feedback is judged over the whole log: repeated, unknown, corrected and conflicting outcomes are told apart."""

from datetime import UTC, datetime

from slipway.serving.log import Feedback, Prediction, Shadow
from slipway.serving.log.join import join_outcomes

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def prediction(name):
    return Prediction(name, NOW, "digest", 100, 0.7, True)


def outcome(name, of, value, supersedes=None):
    return Feedback(name, NOW, of, value, supersedes=supersedes)


def joined(*entries):
    found = join_outcomes(entries)
    return {each.prediction.id: each.outcome for each in found.joined}, found


def test_the_same_outcome_twice_counts_once():
    outcomes, found = joined(prediction("p"), outcome("a", "p", True), outcome("b", "p", True), outcome("a", "p", True))
    assert outcomes == {"p": True}
    assert found.repeated == 1


def test_an_outcome_may_stand_before_its_prediction():
    assert joined(outcome("a", "p", False), prediction("p"))[0] == {"p": False}


def test_two_outcomes_that_differ_are_a_conflict_and_neither_counts():
    outcomes, found = joined(prediction("p"), outcome("a", "p", True), outcome("b", "p", False))
    assert outcomes == {}
    assert [each.id for each in found.conflicting] == ["p"]


def test_one_and_true_are_not_the_same_outcome():
    assert joined(prediction("p"), outcome("a", "p", 1), outcome("b", "p", True))[1].conflicting


def test_a_correction_replaces_what_it_names():
    outcomes, found = joined(prediction("p"), outcome("a", "p", True), outcome("b", "p", False, supersedes="a"))
    assert outcomes == {"p": False}
    assert (found.superseded, found.conflicting) == (1, ())


def test_a_correction_of_a_correction_replaces_both():
    outcomes, found = joined(
        prediction("p"),
        outcome("a", "p", 1.0),
        outcome("b", "p", 2.0, supersedes="a"),
        outcome("c", "p", 3.0, supersedes="b"),
    )
    assert outcomes == {"p": 3.0}
    assert found.superseded == 2


def test_predictions_wait_and_unknown_outcomes_are_kept_apart():
    _, found = joined(prediction("p"), outcome("a", "q", True))
    assert [each.id for each in found.waiting] == ["p"]
    assert [each.prediction_id for each in found.unknown] == ["q"]


def test_the_scores_of_a_shadow_are_no_predictions_and_no_outcomes():
    outcomes, found = joined(prediction("p"), Shadow("p", NOW, "other", [0.9]), outcome("a", "p", True))
    assert outcomes == {"p": True}
    assert (found.repeated, found.waiting, found.unknown) == (0, (), ())


def test_a_smoke_test_waits_for_no_outcome():
    found = joined(prediction("p"), Prediction("q", NOW, "digest", 100, 0.7, True, probe=True))[1]
    assert [each.id for each in found.waiting] == ["p"]
    assert found.probes == 1
