"""What is wrong with a store, in one paragraph for the person who has to mend it."""

import sqlite3
from urllib.parse import urlsplit


def store_errors() -> tuple[type[Exception], ...]:
    """Everything that MLflow and a store raise; OSError includes what requests raises."""
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError)


def describe_store_error(uri: str, error: Exception) -> str:
    """Say which store it is, what it said, and what to do about it."""
    shown = hide_password(uri)
    reason = " ".join(str(error).replace(uri, shown).split())
    return (
        f"The MLflow store {shown} cannot be used: {reason.split('. ')[0][:500].rstrip('.')}. {_advise(shown, reason)}."
    )


def describe_unreachable(uri: str, error: BaseException) -> str:
    """Say that a server does not answer; the reason is the innermost one, without the layers around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    shown = hide_password(uri)
    return f"The MLflow server {shown} does not answer: {error}. {_advise(shown, '')}."


def hide_password(uri: str) -> str:
    """The URI as it may be shown: without the user and the password that it may carry."""
    place = urlsplit(uri).netloc
    return uri.replace(place, place.rpartition("@")[2], 1) if "@" in place else uri


def _advise(uri: str, reason: str) -> str:
    if uri.startswith(("http://", "https://")):
        return (
            "Check that it runs and can be reached from here, and MLFLOW_TRACKING_USERNAME and _PASSWORD or _TOKEN "
            "if it asks for them; or unset MLFLOW_TRACKING_URI, for a store in this folder"
        )
    if "schema" in reason or "revision" in reason:
        return (
            f"Another version of MLflow made it. Keep a copy, then run `uv run mlflow db upgrade {uri}`; if it is "
            "newer than the MLflow installed here, use the one that made it"
        )
    if "locked" in reason:
        return "Another program is writing to it. Close that program, then run this again"
    if "malformed" in reason or "not a database" in reason:
        return "It is damaged. Move it away: `dvc repro` makes a new store and registers the model again"
    return "Check MLFLOW_TRACKING_URI, and that this user may write there; without it the store is in this folder"
