"""XGBoost, LightGBM and CatBoost are exported exactly: missing values, thresholds, classes, links."""

import sys

import msgspec
import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier, XGBRegressor

from slipway.bundle.manifest import Input
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.errors import ModelError
from slipway.problem import Task
from slipway.training.certify import CertifiedRows, certify_parity
from slipway.training.export import export_onnx
from slipway.training.fit import Fitted, fit_estimator, predict_scores
from slipway.training.seal import seal_bundle

CATBOOST = {"iterations": 40, "verbose": 0, "allow_writing_files": False}


def fit_on(estimator, task, rows):
    worth = np.nan_to_num(rows[:, 0]) + np.isnan(rows[:, 1]) + np.random.default_rng(1).normal(0, 1, len(rows))
    target = {
        Task.BINARY: (worth > 2).astype(int),
        Task.MULTICLASS: np.digitize(worth, [1.5, 2.5]),
        Task.REGRESSION: np.exp(worth / 2),
    }[task]
    estimator.fit(pd.DataFrame(rows, columns=["price", "age", "items"]), target)
    classes = () if task is Task.REGRESSION else tuple(np.unique(target).tolist())
    return Fitted(estimator, tuple(map(Input, ("price", "age", "items"))), classes, task)


def make_rows(rows, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.gamma(2, 1, (rows, 3)).round(2)
    numbers[rng.random((rows, 3)) < 0.2] = np.nan
    return numbers.astype(np.float32)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (XGBClassifier(n_estimators=40), Task.BINARY),
        (XGBClassifier(n_estimators=40), Task.MULTICLASS),
        (XGBRegressor(n_estimators=40), Task.REGRESSION),
        (XGBRegressor(n_estimators=40, objective="count:poisson"), Task.REGRESSION),
        (CalibratedClassifierCV(XGBClassifier(n_estimators=20), cv=2), Task.BINARY),
        (LGBMClassifier(n_estimators=40, verbose=-1), Task.BINARY),
        (LGBMClassifier(n_estimators=40, verbose=-1), Task.MULTICLASS),
        (LGBMRegressor(n_estimators=40, verbose=-1), Task.REGRESSION),
        (LGBMRegressor(n_estimators=40, objective="poisson", verbose=-1), Task.REGRESSION),
        (LGBMRegressor(n_estimators=40, objective="mape", verbose=-1), Task.REGRESSION),
        (LGBMClassifier(n_estimators=40, objective="cross_entropy", verbose=-1), Task.BINARY),
        (CatBoostClassifier(**CATBOOST), Task.BINARY),
        (CatBoostClassifier(**CATBOOST, nan_mode="Max"), Task.MULTICLASS),
        (CatBoostRegressor(**CATBOOST), Task.REGRESSION),
        (CatBoostRegressor(**CATBOOST, loss_function="Tweedie:variance_power=1.5"), Task.REGRESSION),
        (CalibratedClassifierCV(CatBoostClassifier(**CATBOOST), cv=2), Task.BINARY),
        (make_pipeline(FunctionTransformer(), LGBMClassifier(n_estimators=40, verbose=-1)), Task.BINARY),
    ],
    ids=lambda found: type(found).__name__ if hasattr(found, "fit") else str(found),
)
def test_boosted_trees_answer_fresh_rows_as_before(estimator, task):
    fitted, fresh = fit_on(estimator, task, make_rows(2000)), make_rows(30_000, seed=3)
    expected = predict_scores(fitted, fresh)
    scores = Scorer(export_onnx(fitted), task).run(fresh)
    assert score_difference(scores, expected, max(1.0, float(np.std(expected)))).max() < 1e-5
    np.testing.assert_array_equal(predict_scores(fitted, fresh), expected)


@pytest.mark.parametrize("start", [6.84, -6.84, 1e-30, -3e7])
def test_a_threshold_of_lightgbm_that_rounds_up_onto_a_value_does_not_swallow_it(start):
    steps = np.random.default_rng(0).integers(0, 20, (4000, 3)).astype(np.int32)
    rows = (np.float32(start).view(np.int32) + steps).view(np.float32)
    estimator = LGBMClassifier(n_estimators=30, min_child_samples=1, min_data_in_bin=1, verbose=-1)
    estimator.fit(pd.DataFrame(rows, columns=["a", "b", "c"]), (steps[:, 0] % 3 == 0).astype(int))
    fitted = Fitted(estimator, tuple(map(Input, "abc")), (0, 1), Task.BINARY)
    scores = Scorer(export_onnx(fitted), Task.BINARY).run(rows)
    assert score_difference(scores, predict_scores(fitted, rows)).max() < 1e-5


@pytest.mark.parametrize(
    "estimator",
    [
        XGBClassifier(n_estimators=20),
        LGBMClassifier(n_estimators=20, verbose=-1),
        CatBoostClassifier(**CATBOOST),
    ],
    ids=lambda found: type(found).__name__,
)
def test_a_bundle_of_boosted_trees_is_sealed_with_rows_around_their_jumps(churn, tmp_path, estimator):
    problem = msgspec.structs.replace(churn.problem, build=lambda params, seed: estimator)
    fitted = fit_estimator(problem, churn.params, churn.train)
    bundle, certificate = seal_bundle(problem, fitted, 0.4, churn.train, tmp_path / "bundle")
    assert certificate.passed
    assert certificate.thresholds > 100
    assert bundle.manifest.inputs == churn.bundle.manifest.inputs


@pytest.mark.parametrize(
    ("estimator", "task", "words"),
    [
        (
            XGBClassifier(n_estimators=5, booster="dart"),
            Task.BINARY,
            "booster='dart' is not exported rightly. Leave it",
        ),
        (LGBMRegressor(n_estimators=5, linear_tree=True, verbose=-1), Task.REGRESSION, "linear_tree=True is not"),
        (LGBMClassifier(n_estimators=5, objective="multiclassova", verbose=-1), Task.MULTICLASS, "'multiclassova' is"),
        (
            LGBMClassifier(n_estimators=5, boosting_type="rf", subsample=0.7, subsample_freq=1, verbose=-1),
            Task.MULTICLASS,
            "boosting_type='rf' is not exported rightly",
        ),
        (CatBoostClassifier(**CATBOOST, grow_policy="Lossguide"), Task.BINARY, "grow_policy='Lossguide' is not"),
    ],
    ids=["dart", "linear trees", "one against all", "another number of scores", "trees without symmetry"],
)
def test_a_setting_that_is_not_exported_is_named(estimator, task, words):
    rows = make_rows(500)
    fitted = fit_on(estimator, task, rows)
    with pytest.raises(ModelError, match=words):
        certify_parity(
            Scorer(export_onnx(fitted), task),
            fitted,
            CertifiedRows(rows, rows[:0], rows[:0], rows[:0]),
            0.4 if task is Task.BINARY else None,
            1.0,
        )


def test_without_the_extra_the_message_says_what_to_install(churn, monkeypatch):
    def build(params, seed):
        from xgboost import XGBClassifier as Missing

        return Missing()

    monkeypatch.setitem(sys.modules, "xgboost", None)
    problem = msgspec.structs.replace(churn.problem, build=build)
    with pytest.raises(ModelError, match=r'imports xgboost, which is not installed.*"slipway\[boost\]"'):
        fit_estimator(problem, churn.params, churn.train)
