"""The registered model predicts as the bundle does, here and where this repository is not."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pytest
import yaml
from places import ROOT

from slipway.columns import frame_to_columns
from slipway.contract import Field, Kind
from slipway.problem import Task
from slipway.tracking.model import input_schema, make_signature, save_model, to_frame


@pytest.fixture(scope="module")
def saved(toys, tmp_path_factory):
    """Every toy as an MLflow model on disk."""
    folder = tmp_path_factory.mktemp("models")
    for name, toy in toys.items():
        save_model(toy.bundle, folder / name, mlflow.models.Model())
    return folder


def holdout(toy):
    columns = frame_to_columns(toy.bundle.fields, toy.holdout)
    return columns, to_frame(toy.bundle.fields, columns)


def assert_same(found, expected):
    assert list(found.columns) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name].to_numpy(), values)


def test_a_loaded_model_predicts_exactly_as_the_bundle(toy, saved):
    columns, frame = holdout(toy)
    found = mlflow.pyfunc.load_model(str(saved / toy.problem.name)).predict(frame)
    assert_same(found, toy.bundle.predict(columns))


def test_a_version_loaded_by_name_predicts_exactly_as_the_bundle(registered, churn, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.store)
    columns, frame = holdout(churn)
    found = mlflow.pyfunc.load_model(registered.uri).predict(frame)
    np.testing.assert_array_equal(found["score"], churn.bundle.score(columns))


def test_the_answer_has_a_score_per_class_a_label_or_a_value(toys):
    given = {name: list(toy.bundle.predict(toy.bundle.golden()[0])) for name, toy in toys.items()}
    assert given == {
        "churn": ["score", "label"],
        "crops": ["score_millet", "score_rice", "score_wheat", "label"],
        "rents": ["score"],
    }


def test_the_signature_says_what_is_given(toy, saved):
    _, frame = holdout(toy)
    model = mlflow.pyfunc.load_model(str(saved / toy.problem.name))
    inferred = mlflow.models.infer_signature(frame, model.predict(frame)).outputs
    assert model.metadata.signature.outputs.input_names() == inferred.input_names()
    assert model.metadata.signature.outputs.input_types() == inferred.input_types()


def test_the_signature_is_the_contract_and_a_nullable_field_is_optional(churn):
    found = {
        given["name"]: (given["type"], given["required"]) for given in make_signature(churn.bundle).inputs.to_dict()
    }
    assert found == {
        "plan": ("string", True),
        "town": ("string", False),
        "joined": ("datetime", False),
        "months": ("long", True),
        "usage": ("double", False),
        # "boolean" would let MLflow read a missing value as False.
        "paperless": ("any", False),
    }


ABSENT = {Kind.CATEGORY: None, Kind.TIMESTAMP: np.datetime64("NaT")}


def test_optional_columns_that_are_not_sent_count_as_missing(toy, saved):
    columns, frame = holdout(toy)
    required = [field.name for field in toy.bundle.fields if not field.nullable]
    for field in toy.bundle.fields:
        if field.nullable:
            columns[field.name] = np.full_like(columns[field.name], ABSENT.get(field.kind, np.nan))
    found = mlflow.pyfunc.load_model(str(saved / toy.problem.name)).predict(frame[required])
    assert_same(found, toy.bundle.predict(columns))


def test_json_is_read_as_the_service_reads_it_missing_values_and_extremes_included(toy, saved):
    """MLflow's own reader of requests, fed with every golden row."""
    columns, _ = toy.bundle.golden()
    request = mlflow.models.convert_input_example_to_serving_input(to_frame(toy.bundle.fields, columns))
    found = mlflow.models.validate_serving_input(str(saved / toy.problem.name), request)
    assert_same(found, toy.bundle.predict(columns))


def test_a_frame_may_mark_missing_truth_values_in_its_own_way(churn, saved):
    columns, frame = holdout(churn)
    assert str(churn.holdout["paperless"].dtype) == "boolean"
    given = frame.assign(paperless=churn.holdout["paperless"].to_numpy())
    assert_same(mlflow.pyfunc.load_model(str(saved / "churn")).predict(given), churn.bundle.predict(columns))


def test_the_input_example_is_golden_and_can_be_predicted(toy, saved):
    model = mlflow.pyfunc.load_model(str(saved / toy.problem.name))
    columns, _ = toy.bundle.golden()
    expected = {name: values[: len(model.input_example)] for name, values in toy.bundle.predict(columns).items()}
    assert len(model.input_example) == 5
    assert_same(model.predict(model.input_example), expected)


def test_the_answer_keeps_the_index_of_the_rows(churn, saved):
    frame = holdout(churn)[1].sample(20, random_state=1)
    found = mlflow.pyfunc.load_model(str(saved / "churn")).predict(frame)
    assert list(found.index) == list(frame.index)


def test_a_column_of_another_type_is_refused(churn, saved):
    _, frame = holdout(churn)
    with pytest.raises(mlflow.exceptions.MlflowException, match="months"):
        mlflow.pyfunc.load_model(str(saved / "churn")).predict(frame.assign(months="many"))


def test_the_model_loads_where_the_repository_is_not(churn, saved, tmp_path):
    """A process that sees the installed packages, but neither this repository nor pytest's paths."""
    columns, frame = holdout(churn)
    frame.to_parquet(tmp_path / "rows.parquet")
    code = f"""
import sys
sys.path.append({str(Path(np.__file__).parents[1])!r})
import mlflow, pandas
try:
    import slipway
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("the repository is on the path")
rows = pandas.read_parquet({str(tmp_path / "rows.parquet")!r})
mlflow.pyfunc.load_model({str(saved / "churn")!r}).predict(rows).to_parquet({str(tmp_path / "scores.parquet")!r})
"""
    # -S leaves out the hook by which the repository is installed, -I the working directory.
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path, env={"PATH": ""})
    import pandas as pd

    assert_same(pd.read_parquet(tmp_path / "scores.parquet"), churn.bundle.predict(columns))


def test_only_what_scoring_needs_travels_with_the_model(saved):
    (package,) = (saved / "churn").rglob("slipway")
    names = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert {"__init__.py", "bundle/verify.py", "columns.py"} <= names
    assert not {name for name in names if name.startswith(("training/", "evaluation/", "data/"))}
    assert not names & {"settings.py", "stage.py", "tracking/store.py", "tracking/registration.py"}


def test_integers_that_may_be_missing_are_doubles_as_mlflow_wants_them():
    fields = [Field(name="rooms", kind=Kind.INTEGER, nullable=nullable) for nullable in (False, True)]
    assert [given["type"] for given in input_schema(fields).to_dict()] == ["long", "double"]
    given = [to_frame([field], {"rooms": np.array([1.0, 2.0])})["rooms"].dtype.kind for field in fields]
    assert given == ["i", "f"]


def test_a_model_is_the_sealed_bundle_and_source_code_without_pickles(churn, tmp_path, monkeypatch):
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    save_model(churn.bundle, folder, mlflow.models.Model())
    for path in churn.bundle.path.iterdir():
        assert (folder / "artifacts" / churn.bundle.path.name / path.name).read_bytes() == path.read_bytes()
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file() and "artifacts" not in path.parts}
    assert suffixes <= {".py", ".yaml", ".json", ".txt", ""}
    names = {path.name for path in folder.rglob("*")}
    assert not names & {"uv.lock", "pyproject.toml", "__pycache__", "python_model.pkl"}


def test_a_pickled_model_is_refused(tmp_path):
    class Pickled(mlflow.pyfunc.PythonModel):
        def predict(self, model_input, params=None):
            return model_input

    mlflow.pyfunc.save_model(str(tmp_path / "model"), python_model=Pickled(), pip_requirements=["mlflow"])
    with pytest.raises(mlflow.exceptions.MlflowException, match="pickle is disallowed"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_the_packages_it_was_made_with_are_pinned(saved):
    pinned = (saved / "crops" / "requirements.txt").read_text().split()
    names = ("mlflow", "msgspec", "numpy", "onnxruntime", "pandas")
    assert sorted(pinned) == sorted(f"{name}=={version(name)}" for name in names)
    assert yaml.safe_load((saved / "crops" / "conda.yaml").read_text())["dependencies"][-1] == {"pip": pinned}


def test_binary_scores_are_of_the_last_class(churn):
    assert churn.problem.task is Task.BINARY
    given = churn.bundle.predict(churn.bundle.golden()[0])
    np.testing.assert_array_equal(given["label"], given["score"] >= churn.bundle.manifest.threshold)
