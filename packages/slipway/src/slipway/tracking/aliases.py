"""MLflow's aliases mirror the ledger: `models:/<name>@production` is what production serves."""

from typing import TYPE_CHECKING

from slipway.ledger import Entry
from slipway.settings import tracking_settings
from slipway.tracking.store import sqlite_file
from slipway.tracking.store_errors import hide_password, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient


def store_name() -> str:
    """The store whose aliases these are, as it may be shown."""
    return hide_password(tracking_settings().uri)


def read_alias(entry: Entry) -> str | None:
    """The version (`name/version`) that the environment's alias points to; None where there is none, or no store."""
    if entry.serving is None or entry.serving.model is None:
        return None
    name, _, _ = entry.serving.model.rpartition("/")
    try:
        found = _client().get_model_version_by_alias(name, entry.environment)
    except store_errors():
        return None
    return f"{name}/{found.version}"


def mirror_alias(entry: Entry) -> bool:
    """Point the alias to what serves; False where the release names no registered version, or it is not there."""
    if entry.serving is None or entry.serving.model is None:
        return False
    name, _, version = entry.serving.model.rpartition("/")
    try:
        _client().set_registered_model_alias(name, entry.environment, version)
    except store_errors():
        return False
    return True


def _client() -> "MlflowClient":
    """Raises `FileNotFoundError` where there is no store: MLflow would make an empty file of one."""
    from mlflow import MlflowClient

    uri = tracking_settings().uri
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise FileNotFoundError(file)
    return MlflowClient(uri)
