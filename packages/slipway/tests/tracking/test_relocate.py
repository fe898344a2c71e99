"""A store that was made elsewhere finds its runs, metrics, files and models where it lies now."""

import shutil
import sqlite3

import mlflow
import pytest

from slipway.errors import TrackingError
from slipway.settings import tracking_settings
from slipway.tracking.evidence import read_evidence
from slipway.tracking.registration import register_bundle
from slipway.tracking.relocate import relocate_store
from slipway.tracking.store import open_store


@pytest.fixture
def moved(workspace, tmp_path, monkeypatch):
    """The store of a registration, in another folder; the one that it was made in is gone."""
    register_bundle(workspace / "bundle", read_evidence(workspace), tracking_settings())
    folder = tmp_path / "moved"
    folder.mkdir()
    for name in ("mlflow.db", "mlruns"):
        shutil.move(workspace / name, folder / name)
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(workspace)
    return folder


def test_runs_metrics_files_and_models_are_found(moved, churn):
    assert relocate_store(moved / "mlflow.db", moved) > 0
    with open_store(f"sqlite:///{moved / 'mlflow.db'}") as store:
        experiment = store.client.get_experiment_by_name("churn")
        (run,) = store.client.search_runs([experiment.experiment_id])
        assert run.data.metrics["log_loss"] == 0.5
        assert "model_card.md" in {each.path for each in store.client.list_artifacts(run.info.run_id)}
        rows = churn.holdout.head(3).assign(joined=churn.holdout["joined"].dt.tz_localize(None))
        scored = mlflow.pyfunc.load_model("models:/churn/1").predict(rows)
        assert len(scored) == 3


def test_left_alone_it_finds_no_file(moved):
    with open_store(f"sqlite:///{moved / 'mlflow.db'}") as store:
        experiment = store.client.get_experiment_by_name("churn")
        (run,) = store.client.search_runs([experiment.experiment_id])
        assert store.client.list_artifacts(run.info.run_id) == []


def test_a_second_time_there_is_nothing_to_change(moved):
    relocate_store(moved / "mlflow.db", moved)
    assert relocate_store(moved / "mlflow.db", moved) == 0


@pytest.mark.parametrize(
    "address", ["s3://bucket/mlruns/1", "models:/m-1", "mlflow-artifacts:/mlruns/1", "/data/elsewhere/1"]
)
def test_what_lies_elsewhere_stays(moved, address):
    with sqlite3.connect(moved / "mlflow.db") as connection:
        connection.execute("UPDATE runs SET artifact_uri = ?", [address])
    relocate_store(moved / "mlflow.db", moved)
    with sqlite3.connect(moved / "mlflow.db") as connection:
        assert connection.execute("SELECT artifact_uri FROM runs").fetchall() == [(address,)]


def test_what_is_no_store_is_said(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database, and long enough to be looked at" * 50)
    with pytest.raises(TrackingError, match="as an MLflow store"):
        relocate_store(tmp_path / "mlflow.db", tmp_path)
