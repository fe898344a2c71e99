"""Mirror the ledger in MLflow's aliases: `models:/<name>@production` is what production serves.

A tracking server is asked by its REST API, because jobs that deliver install no MLflow; a file takes MLflow itself.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from slipway.ledger import Entry
from slipway.settings import tracking_settings
from slipway.tracking.passwords import hide_password
from slipway.tracking.store import SERVER, sqlite_file, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ALIAS = "/api/2.0/mlflow/registered-models/alias"
_SECONDS = 10


def explain_unset_alias(model: str) -> str:
    """Return why the alias cannot be set to `model`, with the store that was used, without a password."""
    uri = tracking_settings().uri
    kind = "databricks" if uri.startswith("databricks") else urlsplit(uri).scheme
    if kind not in ("", "file", "http", "https", "sqlite"):
        return f"{hide_password(uri)} is not a store that can be used here: expected http://, https:// or sqlite:///"
    return f"{hide_password(uri)} has no {model}, or cannot be reached (MLFLOW_TRACKING_URI names another store)"


def read_alias(entry: Entry) -> str | None:
    """Return the version (`name/version`) of the environment's alias; None without an alias or a readable store."""
    if entry.serving is None or entry.serving.model is None:
        return None
    name, _, _ = entry.serving.model.rpartition("/")
    if _is_server():
        found = _request("GET", params={"name": name, "alias": entry.environment})
        try:
            return f"{name}/{found['model_version']['version']}" if found else None
        except (KeyError, TypeError):
            # Another server's JSON.
            return None
    found = _ask_file(lambda client: client.get_model_version_by_alias(name, entry.environment))
    return f"{name}/{found.version}" if found else None


def mirror_alias(entry: Entry) -> bool:
    """Point the alias to what serves; return False where the store or the registered version is missing."""
    if entry.serving is None or entry.serving.model is None:
        return False
    name, _, version = entry.serving.model.rpartition("/")
    if _is_server():
        return _request("POST", json={"name": name, "alias": entry.environment, "version": version}) is not None

    def point(client: "MlflowClient") -> bool:
        client.set_registered_model_alias(name, entry.environment, version)
        return True

    return _ask_file(point) is True


def _is_server() -> bool:
    return tracking_settings().uri.startswith(SERVER)


def _request(method: str, **content: Any) -> dict[str, Any] | None:
    """Return the server's JSON response; None for an error."""
    settings = tracking_settings()
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    login = (settings.user, settings.password or "") if settings.user else None
    try:
        response = requests.request(
            method,
            settings.uri.rstrip("/") + _ALIAS,
            auth=login,
            headers=headers,
            timeout=_SECONDS,
            verify=settings.verify,
            **content,
        )
        response.raise_for_status()
        found: dict[str, Any] = response.json()
    except OSError:
        # Every error of requests is one, and so is a file of authorities that is missing.
        return None
    return found


def _ask_file(ask: Callable[["MlflowClient"], Any]) -> Any:
    """Ask the store in a file; None for an error, without MLflow, or without the file, which MLflow would create."""
    uri = tracking_settings().uri
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        return None
    try:
        from mlflow import MlflowClient

        return ask(MlflowClient(uri))
    except ImportError:
        return None
    except store_errors():
        return None
