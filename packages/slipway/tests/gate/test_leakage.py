import msgspec
import numpy as np
import pytest
from gatebox import with_production_scores, with_rules, with_scores

from slipway.gate.checks.leakage import feature_strengths, no_leaking_feature, plausible_gain, plausible_skill
from slipway.problem import Task

CHECKS = (plausible_skill, plausible_gain, no_leaking_feature)


def revealed(scored):
    """Scores of a model that has seen the answer."""
    if scored.task is Task.REGRESSION:
        return scored.target + 0.01 * (scored.scores - scored.target)
    if scored.task is Task.BINARY:
        return np.where(scored.target == 1, 0.99, 0.01)
    return np.eye(len(scored.classes))[scored.target] * 0.97 + 0.01


def leak(inputs, name, of):
    """The same inputs whose column `name` was made from the target, in both parts."""
    return msgspec.structs.replace(
        inputs,
        train=inputs.train.assign(**{name: of(inputs.train["target"])}),
        holdout=inputs.holdout.assign(**{name: of(inputs.holdout["target"])}),
    )


def test_an_honest_model_passes_every_check(inputs):
    assert [check(inputs).name for check in CHECKS if not check(inputs).passed] == []
    alone = msgspec.structs.replace(inputs, production=None)
    assert [check(alone).name for check in CHECKS if not check(alone).passed] == []


def test_every_check_explains_itself(inputs):
    for check in CHECKS:
        found = check(inputs)
        assert found.name == check.name
        assert found.observed and found.limit and found.why and found.advice


def test_a_model_that_knows_the_answer_is_above_the_ceiling(inputs):
    assert not plausible_skill(with_scores(inputs, revealed(inputs.candidate.scored))).passed


def test_a_leap_over_production_is_not_believed(inputs):
    leapt = with_scores(inputs, revealed(inputs.candidate.scored))
    assert not plausible_gain(leapt).passed
    assert plausible_gain(with_production_scores(leapt, leapt.candidate.scored.scores)).passed


def test_a_number_made_from_the_target_is_named(inputs_by_toy):
    """With noise, and in another order than the target's: any threshold must show."""
    random = np.random.default_rng(1)
    inputs = leak(
        inputs_by_toy["churn"], "usage", lambda target: np.where(target, 3.0, 5.0) + random.normal(0, 0.7, len(target))
    )
    found = no_leaking_feature(with_rules(inputs, single=0.9))
    assert not found.passed
    assert found.observed.startswith("usage: 0.9")


def test_a_number_that_tells_the_target_only_in_the_middle_is_named(inputs_by_toy):
    random = np.random.default_rng(1)
    sign = lambda size: random.choice([-1, 1], size)  # noqa: E731
    inputs = leak(inputs_by_toy["churn"], "usage", lambda target: np.where(target, 0.0, 5.0 * sign(len(target))))
    assert feature_strengths(inputs)["usage"] > 0.99


def test_a_missing_value_can_give_the_target_away(inputs_by_toy):
    inputs = leak(inputs_by_toy["churn"], "usage", lambda target: np.where(target, np.nan, 1.0))
    assert feature_strengths(inputs)["usage"] == pytest.approx(1)


def test_a_category_made_from_the_target_is_named(inputs_by_toy):
    inputs = leak(inputs_by_toy["churn"], "town", lambda target: target.map({True: "ulm", False: "bern"}))
    assert feature_strengths(inputs)["town"] == pytest.approx(1)


def test_a_category_of_few_rows_explains_nothing(inputs_by_toy):
    """Every row its own label: what the training set says of a label is never asked."""
    labels = iter(range(100_000))
    inputs = leak(inputs_by_toy["churn"], "town", lambda target: target.map(lambda _: f"town{next(labels)}"))
    assert feature_strengths(inputs)["town"] == pytest.approx(0, abs=0.01)


def test_a_column_that_gives_one_of_several_classes_away_is_named(inputs_by_toy):
    inputs = leak(inputs_by_toy["crops"], "acidity", lambda target: np.where(target == "millet", 9.0, 5.0))
    assert feature_strengths(inputs)["acidity"] == pytest.approx(1)


def test_a_column_that_explains_a_regression_is_named(inputs_by_toy):
    inputs = leak(inputs_by_toy["rents"], "area", lambda target: target / 10)
    assert feature_strengths(inputs)["area"] > 0.97
    assert not no_leaking_feature(with_rules(inputs, single=0.97)).passed


def test_noise_explains_nothing(inputs):
    random = np.random.default_rng(4)
    name = next(name for name in ("months", "acidity", "area") if name in inputs.train)
    noise = leak(inputs, name, lambda target: random.normal(50, 9, len(target)).round())
    assert abs(feature_strengths(noise)[name]) < 0.12


def test_the_strength_of_a_column_is_that_of_its_order(inputs_by_toy):
    """For a number that moves the target one way, about twice the area under its ROC curve less one."""
    from sklearn.metrics import roc_auc_score

    inputs = inputs_by_toy["churn"]
    usage = inputs.holdout["usage"]
    known = usage.notna().to_numpy()
    area = roc_auc_score(inputs.holdout["target"][known], -usage[known])
    assert feature_strengths(inputs)["usage"] == pytest.approx(2 * area - 1, abs=0.08)
