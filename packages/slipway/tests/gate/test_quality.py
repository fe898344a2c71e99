import re

import msgspec
import numpy as np
import pytest
from casebox import inverted, sharpened, shuffled, with_production_scores, with_rules, with_scores

from slipway.evaluation.slices import SlicePart
from slipway.gate.checks.quality import (
    CHECKS,
    beats_baseline,
    calibrated,
    mean_prediction_in_range,
    no_slice_worse,
    not_worse,
)
from slipway.gate.statistics.paired import adjust_holm
from slipway.problem import Task


@pytest.fixture
def first(case):
    """The same candidate as a first release."""
    return msgspec.structs.replace(case, production=None)


def shifted(scored, by):
    """Log odds moved by `by` (of the last class), or values by so many standard deviations of the target."""
    if scored.task is Task.REGRESSION:
        return scored.scores + by * scored.target.std()
    both = scored.scores.copy() if scored.scores.ndim == 2 else np.stack([1 - scored.scores, scored.scores], axis=1)
    both[:, -1] *= np.exp(by)
    both /= both.sum(axis=1, keepdims=True)
    return both if scored.scores.ndim == 2 else both[:, 1]


def test_an_honest_retrain_passes_every_check(case):
    assert [check(case).name for check in CHECKS if not check(case).passed] == []


def test_an_honest_first_release_passes_every_check(first):
    assert [check(first).name for check in CHECKS if not check(first).passed] == []


def test_every_check_explains_itself(case):
    for check in CHECKS:
        found = check(case)
        assert found.name == check.__name__
        assert found.observed and found.limit and found.why and found.advice


def test_the_trivial_baseline_does_not_beat_itself(case):
    assert not beats_baseline(with_scores(case, case.baseline.scores)).passed


def test_a_small_certain_skill_is_below_the_floor(case):
    found = beats_baseline(with_rules(case, skill=0.99))
    assert not found.passed
    assert found.limit == "at least 99.0% lower, beyond doubt"


def test_a_skill_that_is_all_in_one_group_is_not_beyond_doubt(churn_case):
    scored = churn_case.candidate.scored
    scores = churn_case.baseline.scores.copy()
    scores[scored.group == 0] = np.where(scored.target[scored.group == 0] == 1, 0.99, 0.01)
    found = beats_baseline(with_scores(churn_case, scores))
    assert float(re.search(r"^log loss (\S+)% lower", found.observed)[1]) > 100 * churn_case.rules.skill
    assert not found.passed


def test_a_ruined_model_is_worse(case):
    found = not_worse(with_scores(case, shuffled(case)))
    assert not found.passed
    assert "% higher than production's (95% interval" in found.observed


def test_a_certain_loss_within_the_margin_is_let_through(case):
    ruined = with_scores(case, shuffled(case))
    assert not not_worse(ruined).passed
    assert not_worse(with_rules(ruined, margin=100)).passed


def test_a_large_loss_that_is_uncertain_is_let_through(churn_case):
    """One group of thirteen is ruined: the loss exceeds the margin, but it may be chance."""
    inside = np.flatnonzero(churn_case.candidate.scored.group < 1)
    scores = churn_case.production.scored.scores.copy()
    scores[inside] = 1 - scores[inside]
    found = not_worse(with_scores(churn_case, scores))
    assert float(re.search(r"^log loss (\S+)% higher", found.observed)[1]) > 2
    assert found.passed


def test_a_ruined_slice_is_found_and_named_although_the_mean_improves(churn_case):
    """Production is wrong everywhere else, so the candidate is better on the whole."""
    part = churn_case.parts[1]
    production = inverted(churn_case, np.arange(len(churn_case.holdout)))
    production[part.rows] = churn_case.production.scored.scores[part.rows]
    case = with_production_scores(with_scores(churn_case, inverted(churn_case, part.rows)), production)
    assert not_worse(case).passed
    found = no_slice_worse(case)
    assert not found.passed
    assert found.observed.startswith(f"log loss in 1 of 3 slices: {part.slice} {part.label}, ")


def test_a_slice_that_is_worse_by_chance_perhaps_is_let_through(churn_case):
    """All of the loss is in one group: it exceeds the margin, and is not beyond doubt."""
    part, group = churn_case.parts[0], churn_case.candidate.scored.group
    inside = part.rows[group[part.rows] == 0]
    scores = churn_case.production.scored.scores.copy()
    scores[inside] = np.where(churn_case.candidate.scored.target[inside] == 1, 0.1, 0.9)
    found = no_slice_worse(with_scores(churn_case, scores))
    assert float(re.search(r"the worst is .*, (\S+)% higher", found.observed)[1]) > 3
    assert found.passed


def test_of_many_slices_that_are_worse_the_worst_are_named_first(churn_case):
    parts = tuple(SlicePart("again", str(number), part.rows) for number in range(2) for part in churn_case.parts)
    case = msgspec.structs.replace(with_scores(churn_case, 1 - churn_case.candidate.scored.scores), parts=parts)
    observed = no_slice_worse(case).observed
    losses = [float(found) for found in re.findall(r"(\S+)% higher \(", observed)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert observed.endswith("; and 3 more")


def test_a_slice_within_its_margin_is_let_through(case):
    ruined = with_scores(case, inverted(case, case.parts[0].rows))
    assert not no_slice_worse(ruined).passed
    assert no_slice_worse(with_rules(ruined, slice_margin=100)).passed


def test_slices_that_are_too_small_are_not_judged(case):
    ruined = with_scores(case, inverted(case, case.parts[0].rows))
    found = no_slice_worse(with_rules(ruined, slice_rows=100_000))
    assert found.passed
    assert found.observed == "no slice with 100,000 rows"


def test_holm_multiplies_by_what_is_left_and_never_falls():
    """Worked by hand: 0.01 x 4, 0.02 x 3, 0.02 stays below 0.06, 0.9 x 1."""
    assert adjust_holm([0.02, 0.9, 0.01, 0.025]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert adjust_holm([0.5, 0.6]).tolist() == [1, 1]
    assert len(adjust_holm([])) == 0


def test_an_overconfident_model_is_not_calibrated(cases):
    for name in ("churn", "crops"):
        assert not calibrated(with_scores(cases[name], sharpened(cases[name].candidate.scored, 6))).passed, name


def test_calibration_does_not_apply_to_a_regression(cases):
    ruined = with_scores(cases["rents"], 3 * cases["rents"].candidate.scored.scores)
    assert calibrated(ruined).passed
    assert "not applicable" in calibrated(ruined).observed


def test_a_shift_is_out_of_reach_of_productions_mean(case):
    assert not mean_prediction_in_range(with_scores(case, shifted(case.production.scored, 0.2))).passed
    assert mean_prediction_in_range(with_scores(case, shifted(case.production.scored, 0.02))).passed


def test_a_first_release_is_measured_by_the_base_rate(first):
    assert not mean_prediction_in_range(with_scores(first, shifted(first.candidate.scored, 2))).passed
    assert "base rate" in mean_prediction_in_range(first).observed


def test_who_mends_a_production_that_is_off_is_not_held_to_it(case):
    """Production's own mean is out of reach of the base rate, so it is no measure: the base rate is."""
    off = with_production_scores(case, shifted(case.production.scored, 2))
    assert mean_prediction_in_range(off).passed
    assert not mean_prediction_in_range(with_scores(off, shifted(case.candidate.scored, 2))).passed
