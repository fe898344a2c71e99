"""A working directory as the stages before leave it, and a fresh store for every test."""

import shutil
from pathlib import Path

import msgspec
import pytest

from slipway.data.prepared import write_parts
from slipway.evaluation.result import Evaluation, Metric, SliceResult, encode_evaluation
from slipway.figures import Figure
from slipway.settings import TrackingSettings
from slipway.tracking.evidence import read_evidence
from slipway.tracking.registration import register_bundle
from slipway.tracking.store import open_store
from slipway.training.seal import seal_bundle

DATA_MD5 = "22fa0b9ba1bf3ae6ea3c8bfbd1f2c9ba.dir"


def evaluation(rows: int = 10) -> Evaluation:
    loss = Metric(name="log_loss", value=0.5, low=0.4, high=0.6, baseline=Figure(value=0.6))
    parts = [
        SliceResult(slice="plan", label=label, rows=4, groups=2, base_rate=0.3, metrics=(loss,))
        for label in ("a/b", "..")
    ]
    return Evaluation(primary="log_loss", confidence=0.95, rows=rows, groups=5, metrics=(loss,), slices=tuple(parts))


def fill(root: Path, toy) -> Path:
    """What DVC and the stages before register leave in `root`."""
    root.mkdir(parents=True, exist_ok=True)
    shutil.copytree(toy.bundle.path, root / "bundle")
    write_parts(toy.train, toy.holdout, root / "prepared")
    (root / "metrics.json").write_bytes(encode_evaluation(evaluation()))
    (root / "model_card.md").write_text("# A toy\n")
    (root / "plots").mkdir()
    (root / "plots" / "roc.json").write_text("[]\n")
    (root / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{toy.problem.name}"\n')
    (root / "params.yaml").write_bytes(msgspec.yaml.encode(toy.params))
    (root / "data.dvc").write_text(f"outs:\n- md5: {DATA_MD5}\n  size: 1\n  hash: md5\n  path: data\n")
    (root / "dvc.lock").write_text("schema: '2.0'\nstages:\n  train:\n    cmd: python pipeline/train.py\n")
    return root


@pytest.fixture
def workspace(churn, tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    root = fill(tmp_path / "a clone", churn)
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """Making a store takes a second; a copy takes none."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with open_store(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture
def settings(workspace, empty_store) -> TrackingSettings:
    shutil.copyfile(empty_store, workspace / "mlflow.db")
    return TrackingSettings(uri=f"sqlite:///{workspace / 'mlflow.db'}", parent_run=None)


@pytest.fixture(scope="session")
def other_bundle(toys, tmp_path_factory) -> Path:
    """The same model sealed with another threshold, so under another digest."""
    folder = tmp_path_factory.mktemp("other") / "bundle"
    churn = toys["churn"]
    seal_bundle(churn.problem, churn.fitted, 0.7, churn.train, folder)
    return folder


@pytest.fixture
def client(settings):
    """A second way in; spelt differently, so that it shares no connection with what is tested (tests fork)."""
    from mlflow import MlflowClient

    return MlflowClient(settings.uri.replace("mlflow.db", "./mlflow.db"))


@pytest.fixture
def registered(workspace, settings):
    return register_bundle(workspace / "bundle", read_evidence(workspace), settings)
