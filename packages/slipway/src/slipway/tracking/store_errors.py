"""Describe in one paragraph what is wrong with an MLflow store, for the person who has to fix it."""

import sqlite3
from urllib.parse import urlsplit

_SERVER = ("http://", "https://")


def store_errors() -> tuple[type[Exception], ...]:
    """Return every kind of error that MLflow and a store raise; OSError includes those of requests."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError)


def describe_store_error(uri: str, error: BaseException) -> str:
    """Name the store, the reason and what to do; a connection's reason is the innermost error."""
    shown = hide_password(uri)
    inner = error
    while (next_inner := inner.__cause__ or inner.__context__) is not None:
        inner = next_inner
    if uri.startswith(_SERVER) and isinstance(inner, OSError):
        return f"Cannot connect to the MLflow server {shown}: {inner}. {_advise(shown, '')}."
    reason = " ".join(str(error).replace(uri, shown).split())
    return f"Cannot use the MLflow store {shown}: {reason.split('. ')[0][:500].rstrip('.')}. {_advise(shown, reason)}."


def hide_password(uri: str) -> str:
    """Return the URI without the user and the password that it may contain."""
    place = urlsplit(uri).netloc
    return uri.replace(place, place.rpartition("@")[2], 1) if "@" in place else uri


def _advise(uri: str, reason: str) -> str:
    if uri.startswith(_SERVER):
        return (
            "Check that it runs and is reachable from here, and that MLFLOW_TRACKING_USERNAME and _PASSWORD, or "
            "_TOKEN, are set if it requires them; or unset MLFLOW_TRACKING_URI to use a store in this folder"
        )
    if "schema" in reason or "revision" in reason:
        return (
            f"Another version of MLflow made it. Copy it, then run `uv run mlflow db upgrade {uri}`; if it is newer "
            "than the MLflow installed here, use the version that made it"
        )
    if "locked" in reason:
        return "Another program is writing to it. Close that program, then run this again"
    if "malformed" in reason or "not a database" in reason:
        return "It is damaged. Move it away: `dvc repro` makes a new store and registers the model again"
    return "Check MLFLOW_TRACKING_URI, and that this user may write there; unset it to use a store in this folder"
