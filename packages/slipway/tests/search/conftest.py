"""A prepared project in the working directory, and one MLflow store for every test."""

from pathlib import Path

import pytest
from searchbox import write_project

from slipway.settings import TrackingSettings
from slipway.tracking.store import open_store


@pytest.fixture
def root(churn, tmp_path, monkeypatch) -> Path:
    write_project(tmp_path, churn)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> TrackingSettings:
    """The store of every test: a study has its own run in it."""
    settings = TrackingSettings(uri=f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}", parent_run=None)
    with open_store(settings.uri):
        pass
    return settings
