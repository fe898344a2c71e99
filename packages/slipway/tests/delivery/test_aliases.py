"""MLflow's aliases after a deployment, in the store that MLFLOW_TRACKING_URI names."""

import json

import pytest
from mlflow import MlflowClient
from releases import slipway

from slipway.bundle import load_bundle
from slipway.delivery.status import read_status
from slipway.ledger import Ledger

STORE = "sqlite:///mlflow.db"


@pytest.fixture
def registered(project, monkeypatch):
    """The candidate, as the stage `register` leaves it: version 1 of churn."""
    found = {"digest": load_bundle(project.bundle).digest, "model": "churn", "version": 1, "run_id": "of-a-run"}
    (project.root / "registered.json").write_text(json.dumps(found))
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", STORE)
    return project


def deploy(project) -> str:
    done = slipway(project, "deploy", "staging")
    text = done.communicate(timeout=120)[0]
    assert done.returncode == 0, text
    return text


def staging(project):
    return next(each for each in read_status(project.root) if each.environment == "staging")


def test_the_alias_says_what_serves(registered):
    client = MlflowClient(STORE)
    client.create_registered_model("churn")
    client.create_model_version("churn", source=str(registered.bundle))
    assert "MLflow: models:/churn@staging" in deploy(registered)
    assert str(client.get_model_version_by_alias("churn", "staging").version) == "1"
    assert (staging(registered).alias, staging(registered).differs) == ("churn/1", None)
    promoted = slipway(registered, "promote", "staging", "production", "--json").communicate(timeout=120)[0]
    assert json.loads(promoted.splitlines()[-1])["alias"] == "churn/1"

    client.delete_registered_model_alias("churn", "staging")
    assert staging(registered).differs == "the alias in MLflow names nothing, the ledger churn/1"


def test_a_store_that_cannot_be_read_stops_no_deployment(registered):
    (registered.root / "mlflow.db").write_bytes(b"no database, whatever its name says" * 100)
    assert "alias staging not set" in deploy(registered)
    assert staging(registered).alias is None


def test_a_store_without_the_version_is_named_and_none_is_made(registered):
    said = deploy(registered)
    assert f"alias staging not set: {STORE} has no churn/1" in said
    assert Ledger(registered.root).read("staging").serving.model == "churn/1"
    assert staging(registered).alias is None
    assert not (registered.root / "mlflow.db").exists()
