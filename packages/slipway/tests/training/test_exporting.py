"""What skl2onnx converts only in other words is rewritten in a copy; what it refuses is named with what to write."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from slipway.bundle.manifest import Input
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.errors import ModelError
from slipway.problem import Task
from slipway.training.certify import certify_parity, collect_rows, name_runtime_errors
from slipway.training.export import export_onnx
from slipway.training.fit import Fitted, predict_scores

# Two of the names are outputs of skl2onnx, one is the tensor's own.
NAMES = ("label", "probabilities", "features", "country")
TEXTS = ("DE", "FR", "IT")


def make_rows(rows, seed=0, gaps=True):
    rng = np.random.default_rng(seed)
    numbers = rng.gamma(2, 1, (rows, 3)).round(2)
    if gaps:
        numbers[rng.random((rows, 3)) < 0.1] = np.nan
    return np.c_[numbers, rng.integers(0, len(TEXTS), rows)].astype(np.float32)


def fit_on(estimator, task=Task.BINARY, gaps=True):
    rows = make_rows(1500, gaps=gaps)
    worth = np.nan_to_num(rows[:, 0]) + 0.5 * rows[:, 3] + np.random.default_rng(1).normal(0, 1, len(rows))
    target = np.exp(worth) if task is Task.REGRESSION else (worth > 2).astype(int)
    estimator.fit(pd.DataFrame(rows, columns=list(NAMES)), target)
    inputs = tuple(Input(name, TEXTS if name == "country" else None) for name in NAMES)
    return Fitted(estimator, inputs, () if task is Task.REGRESSION else (0, 1), task), rows, float(np.std(target))


def certify(fitted, rows, scale=1.0):
    with name_runtime_errors(fitted, rows):
        scorer = Scorer(export_onnx(fitted), fitted.task)
        limit = 0.4 if fitted.task is Task.BINARY else None
        return certify_parity(scorer, fitted, collect_rows(fitted, rows, rows[:5], scale), limit, scale)


def linear():
    return LogisticRegression(max_iter=1000)


def by_column(estimator, numbers=None, texts=None):
    numbers = numbers or make_pipeline(SimpleImputer(), StandardScaler())
    texts = texts or OneHotEncoder(handle_unknown="ignore")
    parts = [("numbers", numbers, list(NAMES[:3])), ("texts", texts, ["country"])]
    return make_pipeline(ColumnTransformer(parts), estimator)


def voters():
    return [("tree", DecisionTreeClassifier(max_depth=3)), ("linear", linear())]


@pytest.mark.parametrize(
    "estimator",
    [
        by_column(linear()),
        by_column(linear(), numbers=make_pipeline(SimpleImputer(), KBinsDiscretizer(5))),
        by_column(linear(), texts=OneHotEncoder(handle_unknown="infrequent_if_exist")),
        make_pipeline(
            ColumnTransformer([("numbers", SimpleImputer(), [0, 1, -2]), ("texts", OneHotEncoder(), [-1])]), linear()
        ),
        by_column(linear(), texts=ColumnTransformer([("inner", OneHotEncoder(handle_unknown="ignore"), ["country"])])),
        by_column(DecisionTreeClassifier(max_depth=6), numbers=SimpleImputer()),
        make_pipeline(
            ColumnTransformer([("numbers", SimpleImputer(), slice("label", "features"))], remainder="passthrough"),
            StandardScaler(),
            linear(),
        ),
        StackingClassifier([("one", by_column(linear())), ("two", HistGradientBoostingClassifier(max_iter=9))], cv=2),
        VotingClassifier([("one", by_column(linear())), ("two", by_column(linear()))], voting="soft", weights=[1, 3]),
        CalibratedClassifierCV(by_column(linear()), cv=2),
        by_column(CalibratedClassifierCV(LinearSVC(), cv=2)),
        Pipeline([("nothing", "passthrough"), ("boosted", HistGradientBoostingClassifier(max_iter=9))]),
        make_pipeline(SimpleImputer(), VotingClassifier(voters(), voting="soft")),
        RandomizedSearchCV(by_column(linear()), {"logisticregression__C": [0.1, 1]}, n_iter=2, cv=2),
        CalibratedClassifierCV(
            RandomizedSearchCV(HistGradientBoostingClassifier(max_iter=9), {"max_depth": [2, 3]}, n_iter=2, cv=2), cv=2
        ),
    ],
    ids=[
        "columns",
        "bins",
        "no rare texts",
        "positions from the end",
        "nested columns",
        "one-hot before trees",
        "slice",
        "stacking",
        "voting with weights",
        "calibration",
        "calibration of raw scores",
        "nothing",
        "voting",
        "search",
        "search in calibration",
    ],
)
def test_what_skl2onnx_takes_only_in_other_words_is_exported_exactly(estimator):
    fitted, rows, _ = fit_on(estimator)
    fresh = make_rows(20_000, seed=5)
    before = predict_scores(fitted, fresh)
    assert certify(fitted, rows).passed
    assert score_difference(Scorer(export_onnx(fitted), Task.BINARY).run(fresh), before).max() < 1e-5
    np.testing.assert_array_equal(predict_scores(fitted, fresh), before)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_an_edge_of_a_bin_divides_neighbours_of_float32_as_before(strategy):
    steps = np.random.default_rng(0).integers(0, 20, (2000, 4)).astype(np.int32)
    rows = (np.float32(-6.84).view(np.int32) + steps).view(np.float32)
    bins = KBinsDiscretizer(7, strategy=strategy, subsample=None, quantile_method="averaged_inverted_cdf")
    estimator = make_pipeline(bins, linear())
    estimator.fit(pd.DataFrame(rows, columns=list(NAMES)), (steps[:, 0] % 5 > steps[:, 1] % 3).astype(int))
    fitted = Fitted(estimator, tuple(map(Input, NAMES)), (0, 1), Task.BINARY)
    scores = Scorer(export_onnx(fitted), Task.BINARY).run(rows)
    assert score_difference(scores, predict_scores(fitted, rows)).max() < 1e-5


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(loss="poisson", max_iter=20),
        make_pipeline(StandardScaler(with_std=False), LinearRegression()),
        GridSearchCV(HistGradientBoostingRegressor(loss="gamma", max_iter=20), {"max_depth": [2, 3]}, cv=2),
        VotingRegressor([("tree", DecisionTreeRegressor(max_depth=3)), ("linear", LinearRegression())], weights=[1, 3]),
    ],
    ids=["poisson", "linear", "gamma in a search", "voting with weights"],
)
def test_a_regression_is_exported_with_its_link_and_its_weights(estimator):
    fitted, rows, scale = fit_on(estimator, Task.REGRESSION, gaps=False)
    assert certify(fitted, rows, scale).passed
    fresh = make_rows(20_000, seed=5, gaps=False)
    scores = Scorer(export_onnx(fitted), Task.REGRESSION).run(fresh)
    assert score_difference(scores, predict_scores(fitted, fresh), scale).max() < 1e-5


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            by_column(linear(), numbers=make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())),
            r"Cannot export SimpleImputer .*add_indicator=True is not exported.*np\.isnan",
        ),
        (
            by_column(linear(), numbers=make_pipeline(SimpleImputer(), SplineTransformer())),
            "Cannot export SplineTransformer .*Write KBinsDiscretizer",
        ),
        (
            by_column(linear(), texts=OneHotEncoder(min_frequency=0.5, handle_unknown="infrequent_if_exist")),
            "Cannot export OneHotEncoder .*Leave them out",
        ),
        (
            make_pipeline(
                ColumnTransformer([("gaps", SimpleImputer(), [0, 1, 2])], remainder="passthrough"),
                ColumnTransformer([("texts", OneHotEncoder(handle_unknown="ignore"), [3])]),
                linear(),
            ),
            "Cannot export Pipeline .*Give each column all of its steps in one",
        ),
        (by_column(linear(), numbers=make_pipeline(KNNImputer(), StandardScaler())), "KNNImputer.*Write SimpleImputer"),
        (
            CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=9), method="temperature", cv=2),
            r'Cannot export CalibratedClassifierCV .*Write CalibratedClassifierCV\(method="sigmoid"\)',
        ),
        (CalibratedClassifierCV(by_column(LinearSVC()), cv=2), "Put it around the last step of the pipeline alone"),
        (
            make_pipeline(SimpleImputer(), GaussianProcessClassifier()),
            "ONNX Runtime cannot run the export of GaussianProcessClassifier: .*Write LogisticRegression",
        ),
        (
            by_column(RandomForestClassifier(9, random_state=0), numbers=KNNImputer()),
            "computes KNNImputer otherwise|ONNX Runtime cannot run the export of KNNImputer",
        ),
        (
            StackingClassifier(
                [("one", by_column(linear()))],
                final_estimator=HistGradientBoostingClassifier(max_iter=30),
                cv=2,
            ),
            "computes StackingClassifier otherwise.*Leave final_estimator out",
        ),
        (by_column(HistGradientBoostingClassifier(max_iter=30)), "remove StandardScaler from model.py"),
    ],
    ids=[
        "indicator",
        "splines",
        "rare texts",
        "columns of columns",
        "neighbours",
        "temperature",
        "raw scores of a pipeline",
        "Gaussian process",
        "neighbours before trees",
        "trees behind trees",
        "scaler before trees",
    ],
)
def test_the_step_that_is_not_exported_rightly_is_named_with_what_to_write(estimator, words):
    fitted, rows, _ = fit_on(estimator)
    rows[::100, 3] = -2  # text that the training set does not have
    with pytest.raises(ModelError, match=words):
        certify(fitted, rows)
