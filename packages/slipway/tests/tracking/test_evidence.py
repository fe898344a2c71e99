"""Parameters and metrics under names that MLflow takes, and no registration of half a pipeline."""

import shutil

import msgspec
import pytest

from slipway.errors import DataError, TrackingError
from slipway.evaluation.result import Evaluation, Metric, SliceResult
from slipway.tracking.evidence import flatten_metrics, flatten_params, read_evidence


def sliced(*labels, name="loss"):
    parts = [
        SliceResult(
            slice="town",
            label=label,
            rows=3,
            groups=1,
            base_rate=0.5,
            metrics=(Metric(name=name, value=float(number)),),
        )
        for number, label in enumerate(labels)
    ]
    return flatten_metrics(Evaluation(primary=name, confidence=0.95, rows=9, groups=3, metrics=(), slices=tuple(parts)))


def test_parameters_are_flat_text():
    tree = {"split": {"salt": "x", "holdout": 0.2}, "model": {"layers": [1, 2], "early": True, "depth": None}}
    assert flatten_params(tree) == {
        "split.salt": "x",
        "split.holdout": "0.2",
        "model.layers": "[1, 2]",
        "model.early": "True",
        "model.depth": "None",
    }


def test_any_parameter_has_a_name_and_a_value_that_mlflow_takes():
    from mlflow.utils.validation import _validate_param

    tree = {
        "C[0]": 1,
        "C_0_": 2,
        "a<b>": {"x" * 400: {"y" * 400: {"z" * 400: {"w" * 400: 3}}}},
        "": 4,
        "sizes": [*range(9_000)],
        "10": {"é/ü": True},
    }
    found = flatten_params(tree)
    assert len(found) == 6
    assert {"C_0_": "1", "C_0__": "2", "10.é_ü": "True"}.items() <= found.items()
    for name, value in found.items():
        _validate_param(name, value)


def test_a_slice_keeps_its_value_and_its_size():
    assert sliced("ulm") == {"rows": 9, "groups": 3, "town/ulm/rows": 3, "town/ulm/loss": 0}


@pytest.mark.parametrize("label", ["a/b", "..", ".", "", "Zürich & co", "<5 %", "x" * 400, "/etc", "a\nb", "100%"])
def test_any_label_becomes_a_name_that_mlflow_takes(label):
    from mlflow.utils.validation import _validate_metric

    for name, value in sliced(label).items():
        _validate_metric(name, value, timestamp=0, step=0)


@pytest.mark.parametrize("labels", [("a/b", "a_b", "a&b"), ("x" * 400 + "1", "x" * 400 + "2")])
def test_labels_that_look_alike_afterwards_stay_apart(labels):
    found = [value for name, value in sliced(*labels).items() if "/loss" in name]
    assert sorted(found) == [float(number) for number in range(len(labels))]


@pytest.mark.parametrize("name", ["model_card.md", "metrics.json", "plots", "dvc.lock", "params.yaml", "data.dvc"])
def test_what_a_stage_has_not_left_is_named(workspace, name):
    path = workspace / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(TrackingError, match=name):
        read_evidence(workspace)


def test_missing_data_is_named_with_the_stage_that_makes_it(workspace):
    (workspace / "prepared" / "holdout.parquet").unlink()
    with pytest.raises(TrackingError, match="dvc repro prepare"):
        read_evidence(workspace)


def test_metrics_that_are_no_evaluation_are_refused(workspace):
    (workspace / "metrics.json").write_bytes(msgspec.json.encode({"auc": 1}))
    with pytest.raises(DataError, match=r"metrics\.json"):
        read_evidence(workspace)
