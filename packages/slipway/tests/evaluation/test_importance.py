import numpy as np
import pytest

from slipway.evaluation.importance import permutation_importance


@pytest.fixture
def model(make_binary):
    """A model that reads one column well, one a little, and one not at all."""
    scored = make_binary(6000)
    logit = np.log(scored.scores / (1 - scored.scores))
    noise = np.random.default_rng(0).normal(size=6000)
    columns = {
        "idle": noise,
        "little": 0.2 * logit,
        "much": 0.8 * logit,
        "word": np.array(["a", "b"] * 3000, dtype=object),
    }
    calls = []

    def score(given):
        calls.append(len(given["much"]))
        return 1 / (1 + np.exp(-(given["much"] + given["little"])))

    return score, columns, scored, calls


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_the_column_that_the_model_reads_most_comes_first_and_an_unread_one_loses_nothing(model, metric):
    score, columns, scored, _ = model
    found = permutation_importance(score, columns, scored, metric, seed=7)
    assert [each.column for each in found] == ["much", "little", "idle", "word"]
    assert found[0].loss > 5 * found[1].loss > 0
    assert found[2].loss == found[3].loss == 0
    assert all(each.low <= each.loss <= each.high for each in found)


def test_the_same_seed_gives_the_same_importance(model):
    score, columns, scored, _ = model
    first, again = (permutation_importance(score, columns, scored, "log_loss", seed=7) for _ in range(2))
    other = permutation_importance(score, columns, scored, "log_loss", seed=8)
    assert first == again != other


def test_a_large_holdout_is_sampled(model):
    score, columns, scored, calls = model
    permutation_importance(score, columns, scored, "log_loss", seed=7)
    assert set(calls) == {4000}


def test_the_columns_of_the_caller_stay_as_they_are(model):
    score, columns, scored, _ = model
    before = {name: values.copy() for name, values in columns.items()}
    permutation_importance(score, columns, scored, "log_loss", seed=7)
    for name, values in before.items():
        np.testing.assert_array_equal(columns[name], values)


def test_a_regression_loses_in_the_unit_of_its_metric(make_regression):
    scored = make_regression()
    found = permutation_importance(lambda columns: columns["x"], {"x": scored.scores}, scored, "rmse", seed=1)
    spread = scored.scores.std() * np.sqrt(2)
    assert found[0].loss == pytest.approx(spread, rel=0.35)
