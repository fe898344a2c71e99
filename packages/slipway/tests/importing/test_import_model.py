"""`slipway import-model`: from a file of a notebook to a model that is trained, certified and sealed."""

import importlib
import importlib.util
import json
import os
import pickle
import shutil

import msgspec
import numpy as np
import pandas as pd
import pytest
import sklearn
import yaml
from click.testing import CliRunner
from places import TOYS
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from slipway.cli import main
from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.training.fit import derive_features, fit_estimator
from slipway.training.seal import seal_bundle

PARAMS = """\
# Every number.
split: {salt: toys, holdout: 0.25}
train: {seed: 7, threshold: 0.4}

# Chosen by hand.
model:
  trees: 30

  # more of it
evaluate: {resamples: 200, confidence: 0.95, seed: 7}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the toy churn, whose model.py may be overwritten."""
    shutil.copytree(TOYS / "churn", tmp_path / "src" / "churn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "churn"\n')
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fit(toy, estimator, names=None):
    """Fit as a notebook does: text as text, columns with names of its own."""
    columns = derive_features(toy.problem, frame_to_columns(read_contract(toy.problem.contract), toy.train))
    return estimator.fit(pd.DataFrame(columns).rename(columns=names or {}), toy.train["target"])


def make_estimator():
    text = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "town"]),
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["months", "usage", "year"]),
    )
    return make_pipeline(text, LogisticRegression(C=0.3, class_weight="balanced"))


def run(*words):
    return CliRunner().invoke(main, ["import-model", *map(str, words)], catch_exceptions=False)


def test_a_notebooks_pipeline_is_trained_certified_and_sealed_by_the_code_that_is_written(project, churn):
    (project / "theirs.pkl").write_bytes(pickle.dumps(fit(churn, make_estimator())))
    before = (project / "src/churn/model.py").read_text()
    shown = run("theirs.pkl")
    assert shown.exit_code == 0
    assert "sklearn.pipeline.Pipeline" in shown.output and "6 of 6 are features here" in shown.output
    assert "+++ b/src/churn/model.py" in shown.output and "Nothing was written" in shown.output
    assert (project / "src/churn/model.py").read_text() == before
    done = run("theirs.pkl", "--write")
    assert "Next: make test && make repro" in done.output
    assert yaml.safe_load((project / "params.yaml").read_text())["model"] == {"C": 0.3, "class_weight": "balanced"}
    assert (project / "params.yaml").read_text().startswith(PARAMS.partition("model:")[0])
    spec = importlib.util.spec_from_file_location("written", project / "src/churn/model.py")
    written = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(written)
    problem = msgspec.structs.replace(churn.problem, params=written.Params, build=written.build)
    params = msgspec.structs.replace(churn.params, model=written.Params(C=0.3, class_weight="balanced"))
    bundle, certificate = seal_bundle(
        problem, fit_estimator(problem, params, churn.train), 0.4, churn.train, project / "b"
    )
    assert certificate.rows > 1000 and bundle.manifest.problem == "churn"
    assert "as the file asks already" in run("theirs.pkl", "--write").output


def test_names_that_differ_are_told_by_what_happened_to_them(project, churn):
    names = {"months": "Months_", "usage": "hours", "year": "plan_basic"}
    (project / "theirs.pkl").write_bytes(
        pickle.dumps(fit(churn, make_pipeline(OneHotEncoder(), LogisticRegression()), names))
    )
    found = json.loads(run("theirs.pkl", "--json").output)["inputs"]
    assert found["renamed"] == {"Months_": "months"}
    assert found["dummies"] == {"plan_basic": "plan"}
    assert (found["missing"], found["extra"]) == (["Months_", "hours", "plan_basic"], ["usage", "year"])


def test_code_that_would_name_a_lost_column_is_not_written(project, churn):
    estimator = make_pipeline(make_column_transformer((OneHotEncoder(), ["city"])), LogisticRegression())
    (project / "theirs.pkl").write_bytes(pickle.dumps(fit(churn, estimator, {"town": "city"})))
    assert run("theirs.pkl").exit_code == 0
    refused = run("theirs.pkl", "--write")
    assert refused.exit_code == 1 and "features do not have: city" in refused.output
    assert "RandomForest" not in (project / "src/churn/model.py").read_text()


def test_columns_without_names_are_counted(project, churn):
    estimator = RandomForestClassifier(10).fit(np.zeros((20, 4)), np.arange(20) % 2)
    (project / "theirs.pkl").write_bytes(pickle.dumps(estimator))
    assert "Inputs: 4 columns without names. The features are: plan, town" in run("theirs.pkl").output


def test_another_version_of_scikit_learn_is_named(project, churn):
    content = pickle.dumps(fit(churn, make_estimator()))
    old = sklearn.__version__.encode()
    (project / "theirs.pkl").write_bytes(content.replace(old, b"0.2.1"[: len(old)].ljust(len(old), b"0")))
    assert "Written by scikit-learn 0.2.1" in run("theirs.pkl").output


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("made",)


def test_a_file_that_would_run_something_is_refused_with_its_names(project):
    (project / "theirs.pkl").write_bytes(pickle.dumps({"model": LogisticRegression(), "other": Harmful()}))
    refused = run("theirs.pkl", "--write")
    assert refused.exit_code == 1
    assert "posix.mkdir   <- not allowed" in refused.output and "Nothing of it was run" in refused.output
    trusted = run("theirs.pkl", "--trust")
    assert trusted.exit_code == 0 and "its item 'model'" in trusted.output
    (project / "theirs.pkl").write_bytes(pickle.dumps(Harmful()))
    assert "found posix.mkdir" in run("theirs.pkl", "--trust").output
    assert not (project / "made").exists()


def test_a_class_of_ones_own_is_read_when_trusted(project, monkeypatch):
    source = "class Clip:\n    def __init__(self, low=0):\n        self.low = low\n"
    (project / "ours.py").write_text(source)
    monkeypatch.syspath_prepend(project)
    clip = importlib.import_module("ours").Clip(3)
    (project / "theirs.pkl").write_bytes(pickle.dumps(Pipeline([("clip", clip)])))
    assert "ours.Clip   <- not allowed" in run("theirs.pkl").output
    trusted = run("theirs.pkl", "--trust").output
    assert "from ours import Clip" in trusted and 'Pipeline([("clip", Clip(low=3))])' in trusted


def test_the_written_params_are_those_that_params_yaml_takes(project, churn):
    (project / "theirs.pkl").write_bytes(pickle.dumps(LogisticRegression(tol=1e-05, C=20)))
    space = "\n# Tried.\nsearch:\n  space:\n    model.C: [1, 20]\n    model.trees.depth: [1, 2]\n"
    (project / "params.yaml").write_text(PARAMS.replace("evaluate:", "\nevaluate:") + space)
    assert "search.space: model.trees.depth are not parameters" in run("theirs.pkl", "--write").output
    assert "tol: 1.0e-05\n\nevaluate:" in (project / "params.yaml").read_text()
    assert (project / "params.yaml").read_text().endswith(space)
    params = yaml.safe_load((project / "params.yaml").read_text())
    assert params["model"] == {"tol": 1e-05, "C": 20}
    (project / "theirs.pkl").write_bytes(pickle.dumps(LogisticRegression()))
    run("theirs.pkl", "--write")
    assert yaml.safe_load((project / "params.yaml").read_text())["model"] == {}
