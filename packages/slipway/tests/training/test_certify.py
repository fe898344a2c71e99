"""Parity is certified on training rows, around the trees' thresholds and on extremes; what differs gets no bundle."""

import msgspec
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from slipway.bundle.manifest import Certificate, Input
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.errors import ModelError
from slipway.problem import Task
from slipway.training.certify import CertifiedRows, certify_parity, collect_rows, find_flips
from slipway.training.export import export_onnx
from slipway.training.fit import Fitted, predict_scores
from slipway.training.thresholds import round_thresholds, rows_around_thresholds

NAMES = ("a", "b", "c")


class Shifted:
    """A scorer whose scores are off by a little."""

    def __init__(self, scorer, by):
        self.scorer, self.by = scorer, by

    def run(self, tensor):
        return self.scorer.run(tensor) + self.by


def decimals(rows, seed=0):
    """Numbers with two decimals, which repeat, as prices and readings do."""
    return np.random.default_rng(seed).gamma(2, 1, (rows, len(NAMES))).round(2).astype(np.float32)


def close(rows, seed=0):
    """Neighbouring numbers of float32: between any two lies a threshold that float32 rounds up half of the time."""
    steps = np.random.default_rng(seed).gamma(2, 2, (rows, len(NAMES))).astype(np.int32)
    return (np.float32(6.84).view(np.int32) + steps).view(np.float32)


def boosted():
    return HistGradientBoostingClassifier(max_iter=20, random_state=0)


def fitted_on(estimator, rows, target, task=Task.BINARY):
    names = NAMES[: rows.shape[1]]
    import pandas as pd

    estimator.fit(pd.DataFrame(rows, columns=list(names)), target)
    classes = () if task is Task.REGRESSION else (0, 1)
    return Fitted(estimator, tuple(Input(name) for name in names), classes, task)


def neighbours():
    """One split between two neighbouring numbers of float32: its threshold is none of float32."""
    rows = np.repeat(np.float32([[6.8399997], [6.84]]), 50, axis=0)
    return fitted_on(HistGradientBoostingClassifier(max_iter=1), rows, np.repeat([0, 1], 50))


def late(rows, seed=1):
    noise = np.random.default_rng(seed).normal(0, 1, len(rows))
    return (np.nan_to_num(rows[:, 0]) + noise > 2).astype(int)


def certify(fitted, rows, threshold=0.4):
    certified = collect_rows(fitted, rows, rows[:5])
    return certify_parity(Scorer(export_onnx(fitted), fitted.task), fitted, certified, threshold, 1.0)


def test_a_threshold_that_rounds_up_onto_a_value_does_not_swallow_it():
    low, high = Scorer(export_onnx(neighbours()), Task.BINARY).run(np.float32([[6.8399997], [6.84]]))
    assert (round(low, 2), round(high, 2)) == (0.45, 0.55)


@pytest.mark.parametrize(
    "estimator",
    [
        boosted(),
        CalibratedClassifierCV(boosted(), cv=2),
        StackingClassifier([("boosted", boosted()), ("forest", RandomForestClassifier(5, random_state=0))], cv=2),
        BaggingClassifier(boosted(), n_estimators=2, random_state=0),
        GridSearchCV(boosted(), {"max_depth": [2, 3]}, cv=2),
        make_pipeline(SimpleImputer(), boosted()),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        RandomForestClassifier(10, random_state=0),
    ],
    ids=lambda found: type(found).__name__,
)
def test_rounded_trees_score_as_before_and_as_their_export(estimator):
    rows, fresh = close(2000), close(20_000, seed=2)
    fitted = fitted_on(estimator, rows, late(np.float32(1e6) * (rows - np.float32(6.84))))
    rounded = msgspec.structs.replace(fitted, estimator=round_thresholds(estimator))
    expected = predict_scores(fitted, fresh)
    np.testing.assert_array_equal(predict_scores(rounded, fresh), expected)
    scorer = Scorer(export_onnx(fitted), Task.BINARY)
    assert score_difference(scorer.run(fresh), expected).max() < 1e-5
    around = rows_around_thresholds(estimator, fresh)
    assert len(around) > 20
    assert score_difference(scorer.run(around), predict_scores(fitted, around)).max() < 1e-5


def test_the_estimator_itself_keeps_its_thresholds():
    estimator = neighbours().estimator
    before = [tree.nodes.copy() for (tree,) in estimator._predictors]
    round_thresholds(estimator)
    for nodes, (tree,) in zip(before, estimator._predictors, strict=True):
        np.testing.assert_array_equal(nodes["num_threshold"], tree.nodes["num_threshold"])


def test_a_threshold_is_tried_on_itself_and_one_step_of_float32_beside():
    rows = np.repeat(np.float32([[1.0], [2.0]]), 50, axis=0)
    fitted = fitted_on(HistGradientBoostingClassifier(max_iter=1), rows, np.repeat([0, 1], 50))
    (tree,) = fitted.estimator._predictors[0]
    (threshold,) = tree.nodes["num_threshold"][tree.nodes["is_leaf"] == 0].astype(np.float32)
    step = np.nextafter(threshold, np.float32(9)) - threshold
    np.testing.assert_array_equal(
        rows_around_thresholds(fitted.estimator, rows), [[threshold - step], [threshold], [threshold + step]]
    )


def test_an_estimator_without_trees_has_no_thresholds():
    rows = decimals(500)
    fitted = fitted_on(LogisticRegression(), rows, late(rows))
    assert rows_around_thresholds(fitted.estimator, rows).shape == (0, 3)


def test_the_certificate_counts_rows_of_each_kind(churn):
    found = msgspec.json.decode((churn.bundle.path / "certificate.json").read_bytes(), type=Certificate)
    assert found.training == len(churn.train)
    assert min(found.thresholds, found.extremes) > 100
    assert found.rows == found.training + found.thresholds + found.extremes


def test_of_many_training_rows_an_even_spread_is_certified():
    rows = np.arange(3 * (1 << 17), dtype=np.float32).reshape(-1, 3)
    found = collect_rows(fitted_on(LogisticRegression(), rows[:100], np.arange(100) % 2), rows, rows[:1])
    assert len(found.training) == 1 << 16
    assert found.training[0, 0] == 0
    assert found.training[-1, 0] == rows[-1, 0]


def test_scores_that_differ_get_no_bundle_and_are_counted_by_kind():
    rows = decimals(300)
    fitted = fitted_on(boosted(), rows, late(rows))
    scorer = Scorer(export_onnx(fitted), Task.BINARY)
    given = CertifiedRows(rows, rows[:7], rows[:5], rows[:0])
    assert certify_parity(scorer, fitted, given, 1e-9, 1.0).passed
    expected = r"300 of 300 training rows, 7 of 7 rows around .*, 5 of 5 rows with extreme values.*difference of 0\.001"
    with pytest.raises(ModelError, match=expected):
        certify_parity(Shifted(scorer, 0.001), fitted, given, 1e-9, 1.0)
    with pytest.raises(ModelError, match="found a difference of 1"):
        certify_parity(Shifted(scorer, 1.04e-5), fitted, given, 1e-9, 1.0)
    with pytest.raises(ModelError, match="found a difference of inf"):
        certify_parity(Shifted(scorer, np.nan), fitted, given, 1e-9, 1.0)


def test_a_regression_is_compared_on_the_scale_of_its_scores():
    rows = decimals(2000)
    target = 1e6 * rows[:, 0] - 1e6
    fitted = fitted_on(HistGradientBoostingRegressor(random_state=0), rows, target, Task.REGRESSION)
    scorer = Scorer(export_onnx(fitted), Task.REGRESSION)
    given = CertifiedRows(rows, rows[:0], rows[:0], rows[:0])
    assert certify_parity(scorer, fitted, given, None, 1e6).largest_difference < 1e-5
    with pytest.raises(ModelError, match="changed labels"):
        certify_parity(Shifted(scorer, 100), fitted, given, None, 1e6)


def test_the_scale_of_a_regression_is_sealed(toys):
    assert toys["churn"].bundle.manifest.scale == 1
    scores = toys["rents"].bundle.score(toys["rents"].bundle.golden()[0])
    assert 100 < toys["rents"].bundle.manifest.scale < 2 * scores.std()


def test_a_label_that_flips_away_from_the_threshold_is_found():
    expected = np.array([0.4 - 1e-9, 0.2, 0.39])
    assert find_flips(np.array([0.4 + 1e-9, 0.2, 0.41]), expected, 0.4).tolist() == [False, False, True]


def test_a_scaler_before_trees_is_named_with_the_right_advice():
    rows = decimals(4000)
    fitted = fitted_on(make_pipeline(StandardScaler(), boosted()), rows, late(rows))
    with pytest.raises(ModelError, match=r"Trees need no scaling: remove StandardScaler from model\.py"):
        certify(fitted, rows)


def test_a_forest_that_routes_missing_values_is_named_with_the_right_advice():
    rows = decimals(2000)
    rows[::3, 0] = np.nan
    target = late(rows) | np.isnan(rows[:, 0])
    fitted = fitted_on(RandomForestClassifier(10, random_state=0), rows, target)
    with pytest.raises(ModelError, match=r"All of them have a missing value.*SimpleImputer"):
        certify(fitted, rows)


def test_a_calibration_by_steps_is_named():
    rows = decimals(3000)
    fitted = fitted_on(CalibratedClassifierCV(boosted(), method="isotonic", cv=2), rows, late(rows))
    with pytest.raises(ModelError, match="computes CalibratedClassifierCV otherwise"):
        certify(fitted, rows)
