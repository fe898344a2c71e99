"""MLflow's aliases mirror the ledger: `models:/<name>@production` is what production serves."""

from slipway.ledger import Entry
from slipway.settings import tracking_settings


def read_alias(entry: Entry) -> str | None:
    """The version (`name/version`) that the environment's alias points to; None where there is none, or no store."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    if entry.serving is None or entry.serving.model is None:
        return None
    name, _, _ = entry.serving.model.rpartition("/")
    try:
        found = MlflowClient(tracking_settings().uri).get_model_version_by_alias(name, entry.environment)
    except MlflowException:
        return None
    return f"{name}/{found.version}"


def mirror(entry: Entry) -> bool:
    """Point the alias to what serves; False where the release names no registered version, or it is not there."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    if entry.serving is None or entry.serving.model is None:
        return False
    name, _, version = entry.serving.model.rpartition("/")
    try:
        MlflowClient(tracking_settings().uri).set_registered_model_alias(name, entry.environment, version)
    except MlflowException:
        return False
    return True
