"""The same inputs give the same digest, and a bundle appears only when every check passed."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from places import TESTS
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from slipway.errors import DataError, ModelError, ProblemError
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle


def digest_in_new_process(name: str, folder: Path, hash_seed: str) -> str:
    code = f"""
from pathlib import Path
from toybox import make_toy
print(make_toy({name!r}, Path({str(folder)!r}), rows=800).bundle.digest)
"""
    paths = os.pathsep.join(str(path) for path in (TESTS / "support", TESTS / "toys"))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["churn", "crops"])
def test_two_processes_with_other_hash_seeds_give_the_same_digest(name, tmp_path):
    first = digest_in_new_process(name, tmp_path / "one", "1")
    assert len(first) == 64
    assert first == digest_in_new_process(name, tmp_path / "two", "4242")


def with_estimator(problem, estimator):
    return msgspec.structs.replace(problem, build=lambda params, seed: estimator)


def seal_toy(toy, problem, folder):
    fitted = fit_estimator(problem, toy.params, toy.train)
    return seal_bundle(problem, fitted, 0.4, toy.train, folder)


def test_the_batch_floor_is_one_for_trees_and_more_for_matrix_kernels(toys):
    assert toys["churn"].bundle.manifest.batch_floor == 1
    assert toys["crops"].bundle.manifest.batch_floor > 1


def test_an_estimator_that_onnx_cannot_take_is_named(toys, tmp_path):
    crops = toys["crops"]
    problem = with_estimator(crops.problem, HomeMade())
    with pytest.raises(ModelError, match="Cannot export HomeMade to ONNX"):
        seal_toy(crops, problem, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


class HomeMade(ClassifierMixin, BaseEstimator):
    """An estimator of one's own, which no converter knows."""

    def fit(self, rows, target):
        self.classes_ = np.unique(target)
        return self

    def predict_proba(self, rows):
        return np.full((len(rows), len(self.classes_)), 1 / len(self.classes_))


def test_an_estimator_without_probabilities_is_refused_with_what_to_use(toys, tmp_path):
    crops = toys["crops"]
    filled = crops._replace(train=crops.train.dropna(), holdout=crops.holdout.dropna())
    with pytest.raises(ModelError, match=r"LinearSVC has no predict_proba.*CalibratedClassifierCV"):
        seal_toy(filled, with_estimator(crops.problem, LinearSVC()), tmp_path / "bundle")


def test_an_estimator_that_cannot_take_missing_values_is_refused_with_advice(toys, tmp_path):
    with pytest.raises(ModelError, match=r"Cannot fit LogisticRegression.*missing numbers are NaN"):
        seal_toy(toys["churn"], with_estimator(toys["churn"].problem, LogisticRegression()), tmp_path / "bundle")


def test_a_constant_feature_is_named_with_its_value(churn):
    with pytest.raises(DataError, match=r"'months' is constant in the training set: 7"):
        fit_estimator(churn.problem, churn.params, churn.train.assign(months=7))


def test_an_empty_feature_is_constant_too(churn):
    with pytest.raises(DataError, match=r"'usage' is constant"):
        fit_estimator(churn.problem, churn.params, churn.train.assign(usage=np.nan))


def test_a_target_with_one_class_is_refused(churn):
    with pytest.raises(DataError, match="expected two classes for a binary task, found 1: True"):
        fit_estimator(churn.problem, churn.params, churn.train.assign(target=True))


def test_a_timestamp_that_reaches_the_model_is_refused_with_advice(churn):
    problem = msgspec.structs.replace(churn.problem, features=None)
    with pytest.raises(ProblemError, match=r"'joined': expected numbers or text, found datetime64.*features\.py"):
        fit_estimator(problem, churn.params, churn.train)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import pandas as pd", "import pandas"),
        ("from random import random", "import random of random"),
        ("import os.path", "import os.path"),
        ("import numpy as np; noise = np.random.default_rng", "np.random"),
        ("rows = open", "open"),
    ],
)
def test_features_may_use_only_what_the_gate_allows(churn, tmp_path, monkeypatch, line, found):
    monkeypatch.delitem(sys.modules, "heavy", raising=False)
    monkeypatch.delitem(sys.modules, "heavy.features", raising=False)
    package = tmp_path / "heavy"
    package.mkdir()
    (package / "features.py").write_text(f"{line}\n\ndef derive(columns):\n    return columns\n")
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    problem = msgspec.structs.replace(churn.problem, features=import_module("heavy.features").derive)
    with pytest.raises(ProblemError) as refused:
        seal_bundle(problem, churn.fitted, 0.4, churn.train, tmp_path / "bundle")
    assert f"travels with the model: {found} (features.py, line 1)" in str(refused.value)
    assert "those for one row of abc, bisect, collections" in str(refused.value)


@pytest.mark.parametrize("classes", [[0.5, 1.5], [None, "a"], [1, "a"]])
def test_classes_of_another_type_are_refused_before_fitting(churn, classes):
    target = np.array(classes, dtype=object)[np.arange(len(churn.train)) % 2]
    with pytest.raises(DataError, match="all truth values, all whole numbers or all text"):
        fit_estimator(churn.problem, churn.params, churn.train.assign(target=target))


def test_whole_numbers_stored_as_floats_are_classes(churn):
    fitted = fit_estimator(churn.problem, churn.params, churn.train.assign(target=churn.train["target"].astype(float)))
    assert fitted.classes == (0, 1)
