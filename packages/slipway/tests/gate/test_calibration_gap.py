"""The calibration of two models in the same groups: what honest retrains differ by, and what is worse."""

import msgspec
import numpy as np
import pytest

from slipway.evaluation.scored import Scored
from slipway.gate.statistics.calibration_gap import compare_calibration
from slipway.problem import Task

LEVEL, GROUPS, EACH = 0.95, 60, 400


@pytest.fixture(scope="module")
def world():
    """True probabilities, outcomes and groups, in which the outcomes of a group move together."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(GROUPS), EACH)
    odds = rng.normal(-1, 1, len(group))
    actual = rng.random(len(group)) < _chance(odds + rng.normal(0, 0.3, GROUPS)[group])
    return odds, actual, group


def _chance(odds):
    return 1 / (1 + np.exp(-odds))


def model(world, seed, change=lambda score: score):
    """A model whose log odds are a little off, as those of a retrain are."""
    odds, actual, group = world
    scores = change(_chance(odds + np.random.default_rng(seed).normal(0, 0.1, len(odds))))
    kinds = {"task": Task.BINARY, "classes": (False, True), "threshold": 0.5}
    return Scored(target=actual.astype(int), scores=scores, group=group, groups=GROUPS, **kinds)


def worst(gap):
    return max(min(each.least, each.farther) for each in gap.ranges)


def test_retrains_cost_the_same_and_no_range_is_farther_off(world):
    for seed in range(20):
        gap = compare_calibration(model(world, seed), model(world, 100 + seed), LEVEL)
        assert gap.value < 0.004 and worst(gap) < 0.05


@pytest.mark.parametrize(
    "change",
    [
        lambda score: np.where(score > 0.6, 0.995, score),
        lambda score: np.where(score > 0.6, 0.99 + score / 200, score),
        lambda score: np.where(score < 0.1, 0.001, score),
        lambda score: _chance(1.5 * np.log(score / (1 - score))),
        lambda score: np.minimum(score, 0.4),
        lambda score: np.where((score > 0.4) & (score < 0.6), 0.7, score),
    ],
)
def test_scores_that_are_pushed_sharpened_or_capped_are_worse(world, change):
    gap = compare_calibration(model(world, 1, change), model(world, 2), LEVEL)
    assert (gap.value > 0.004 and gap.p_value < 0.05) or worst(gap) > 0.05


def test_a_production_that_is_off_as_well_is_no_worse(world):
    sharpened = [model(world, seed, lambda score: _chance(1.5 * np.log(score / (1 - score)))) for seed in (1, 2)]
    gap = compare_calibration(*sharpened, LEVEL)
    assert gap.value < 0.004 and worst(gap) < 0.05


def test_several_classes_are_judged_by_the_probability_of_the_top_one(world):
    def both(scored):
        three = np.stack([0.4 * (1 - scored.scores), 0.6 * (1 - scored.scores), scored.scores], axis=1)
        target = np.where(scored.target == 1, 2, np.random.default_rng(0).random(len(three)) < 0.6)
        kinds = {"task": Task.MULTICLASS, "classes": ("a", "b", "c"), "threshold": None}
        return msgspec.structs.replace(scored, scores=three, target=target.astype(int), **kinds)

    pushed = model(world, 1, lambda score: np.where(score > 0.6, 0.995, score))
    assert compare_calibration(both(pushed), both(model(world, 2)), LEVEL).p_value < 0.05
    assert compare_calibration(both(model(world, 1)), both(model(world, 2)), LEVEL).value < 0.004
