"""The code that is written builds the estimator of the file: equal parameters, whatever the estimator."""

import pickle
import subprocess
import sys

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from places import ROOT
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor, StackingClassifier
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from slipway.errors import ModelError
from slipway.importing.model_file import read_model_file
from slipway.importing.parts import read_model
from slipway.importing.proposal import format_source
from slipway.importing.source_code import write_source

ROWS = pd.DataFrame({"price": np.arange(40.0), "town": list("ulmx") * 10, "rooms": np.arange(40) % 3})
TARGET = np.array([0, 1] * 20)

ESTIMATORS = {
    "defaults": LogisticRegression(),
    "numpy's numbers": LogisticRegression(C=np.float64(0.25), max_iter=np.int64(50), class_weight={0: 1, 1: 2.5}),
    "infinite": Ridge(alpha=2, tol=float("inf")),
    "trees": HistGradientBoostingClassifier(max_iter=20, early_stopping=False, max_leaf_nodes=None),
    "a whole number that may be a fraction": RandomForestRegressor(max_features=2, n_jobs=2),
    "steps": make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), Ridge(3.0)),
    "columns by name": Pipeline(
        [
            ("inputs", ColumnTransformer([("o", OneHotEncoder(dtype=np.float32), ["town"])], remainder="passthrough")),
            ("model", LogisticRegression(penalty="l2", solver="saga")),
        ]
    ),
    "a splitter": CalibratedClassifierCV(LogisticRegression(C=3.0), cv=StratifiedKFold(4), method="isotonic"),
    "a splitter that shuffles": CalibratedClassifierCV(cv=KFold(3, shuffle=True, random_state=7)),
    "stacked": StackingClassifier([("a", LogisticRegression(C=2.0)), ("b", HistGradientBoostingClassifier())], cv=3),
    "kernels": GaussianProcessRegressor(2.0 * RBF(0.5) + WhiteKernel()),
    "a function of scikit-learn": make_pipeline(SelectKBest(f_regression, k=1), Ridge()),
    "XGBoost": xgboost.XGBClassifier(n_estimators=9, max_depth=3, reg_lambda=2.5, unknown_of_theirs=1),
    "LightGBM": lightgbm.LGBMRegressor(num_leaves=7, bagging_fraction=0.5),
}


def read_again(estimator, path):
    path.write_bytes(pickle.dumps(estimator))
    return read_model_file(path)


def build_again(estimator, path, seed=7):
    """Write the estimator to a file, write its code, and build it by that."""
    source = write_source(read_model(read_again(estimator, path)).part, path.name)
    module = {}
    exec(source.text, module)
    return module["build"](module["Params"](**source.params), seed), source


def plain(value):
    """The parameters of an estimator, without the seed that params.yaml decides."""
    if hasattr(value, "get_params"):
        return type(value), {k: plain(v) for k, v in value.get_params(deep=False).items() if k != "random_state"}
    if isinstance(value, list | tuple):
        return [type(value), *map(plain, value)]
    if isinstance(value, KFold | StratifiedKFold):
        return type(value), vars(value)
    return "NaN" if isinstance(value, float) and np.isnan(value) else value


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_code_builds_an_estimator_with_equal_parameters(tmp_path, name):
    built, _ = build_again(ESTIMATORS[name], tmp_path / "model.pkl")
    assert plain(built) == plain(ESTIMATORS[name])


def test_what_one_tries_other_values_of_stands_in_params(tmp_path):
    _, source = build_again(ESTIMATORS["a whole number that may be a fraction"], tmp_path / "model.pkl")
    assert source.params == {"max_features": 2}
    assert "max_features: int | float" in source.text
    _, source = build_again(ESTIMATORS["XGBoost"], tmp_path / "model.pkl")
    assert source.params == {"max_depth": 3, "n_estimators": 9, "reg_lambda": 2.5}


def test_the_seed_of_params_decides_wherever_chance_does(tmp_path):
    forest = RandomForestRegressor(random_state=42)
    built, source = build_again(make_pipeline(StandardScaler(), forest), tmp_path / "model.pkl", seed=11)
    assert built[-1].random_state == 11
    assert source.notes == ("random_state was 42 and is now `train.seed` of params.yaml.",)


@pytest.mark.parametrize(
    "columns",
    [make_column_selector(dtype_include=float), [0], slice(0, 1), [True, False, False], pd.Index(["price"])],
    ids=["a selector", "positions", "a range", "a mask", "an index"],
)
def test_columns_are_written_by_name(tmp_path, columns):
    inputs = ColumnTransformer([("scaled", StandardScaler(), columns)])
    assert read_again(inputs, tmp_path / "unfitted.pkl").foreign == ()
    built, _ = build_again(inputs.fit(ROWS), tmp_path / "model.pkl")
    assert built.transformers[0][2] == ["price"]


@pytest.mark.parametrize("name", ["columns by name", "stacked", "kernels", "defaults", "LightGBM"])
def test_the_code_is_formatted_and_linted(tmp_path, name):
    _, source = build_again(ESTIMATORS[name], tmp_path / "model.pkl")
    path = tmp_path / "model.py"
    path.write_text(format_source(ROOT, ROOT / "src" / "model.py", source.text))
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--quiet", "--config", str(ROOT / "pyproject.toml"), str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_what_is_no_code_is_named_with_its_place(tmp_path):
    path = tmp_path / "model.pkl"
    estimator = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(C=b"bytes"))
    path.write_bytes(pickle.dumps(estimator))
    with pytest.raises(
        ModelError, match=r"\['functiontransformer'\]\.func is .*log1p.*\['logisticregression'\]\.C is a bytes"
    ):
        write_source(read_model(read_model_file(path)).part, "model.pkl")


def test_what_the_file_says_never_becomes_code(tmp_path):
    harmful = "x=1, y=__import__('os').system('id')"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(xgboost.XGBClassifier(**{harmful: 1})))
    with pytest.raises(ModelError, match="has a parameter with the name"):
        write_source(read_model(read_model_file(path)).part, "model.pkl")
    quoted = """' + __import__("os").getcwd() + '"""
    built, _ = build_again(LogisticRegression(class_weight={quoted: 1}), path)
    assert built.class_weight == {quoted: 1}


def test_a_text_imputer_and_categories_of_text_are_noted(tmp_path):
    encoder = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(categories=[["l", "m", "u", "x"]]))
    inputs = ColumnTransformer([("text", encoder, ["town"])]).fit(ROWS)
    _, source = build_again(inputs, tmp_path / "model.pkl")
    assert ["code -1" in note or "Delete `categories`" in note for note in source.notes] == [True, True]
