"""Open an MLflow store for one registration at a time; errors say what is wrong with it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from slipway.errors import TrackingError
from slipway.files.lock import hold_lock
from slipway.files.writing import new_file
from slipway.settings import quiet_environment
from slipway.tracking.passwords import hide_password, scrub_error

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_VARIABLE = "MLFLOW_TRACKING_URI"
SERVER = ("http://", "https://")
# Seconds to wait for a server's first response, for another program's transaction, for another registration.
_CONNECT, _TRANSACTION, _REGISTRATION = 5, 5, 120


class Store(NamedTuple):
    """An open store; `alone` is True if no other registration can be writing to it now."""

    client: "MlflowClient"
    uri: str
    alone: bool


@contextmanager
def open_store(uri: str) -> Iterator[Store]:
    """Open the store at `uri` for one registration; a SQLite file is locked for others meanwhile.

    Raises `TrackingError` for a server that cannot be connected within seconds, for a file that is damaged, locked or
    of another schema, and for MLflow's own errors inside the block; `LockError` after two minutes of waiting.
    """
    quiet_environment()
    file = sqlite_file(uri)
    try:
        with _registration_lock(file):
            try:
                # Where the store is a file, MLflow keeps the files of experiments below the working directory.
                with chdir(workspace_root()):
                    client = _connect(uri, file)
            except (ImportError, ValueError) as error:
                # A database's driver that is not installed, a malformed address.
                raise TrackingError(describe_store_error(uri, error)) from error
            with _default_store(client.tracking_uri):
                yield Store(client, hide_password(uri), alone=file is not None)
    except store_errors() as error:
        raise TrackingError(describe_store_error(uri, error)) from error


def sqlite_file(uri: str) -> Path | None:
    """Return the SQLite file of the store at `uri`, None for any other store."""
    if not uri.startswith(_SQLITE) or uri == _SQLITE:
        return None
    return workspace_root() / unquote(uri.removeprefix(_SQLITE).partition("?")[0])


def workspace_root() -> Path:
    """Return the working directory; that of the project in a copy that `dvc exp run --temp` makes and deletes."""
    here = Path.cwd()
    for folder in here.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return here


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
    if uri.startswith(SERVER) and isinstance(inner, OSError):
        return f"Cannot connect to the MLflow server {shown}: {scrub_error(uri, str(inner))}. {_advise(shown, '')}."
    reason = " ".join(scrub_error(uri, str(error)).split())
    return f"Cannot use the MLflow store {shown}: {reason.split('. ')[0][:500].rstrip('.')}. {_advise(shown, reason)}."


def _connect(uri: str, file: Path | None) -> "MlflowClient":
    import mlflow

    if file is not None:
        uri = _address(file)
        if file.exists() and file.stat().st_size:
            _check_file(file)
        else:
            _make_file(file)
    elif uri.startswith(SERVER):
        _request_health(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


def _address(file: Path) -> str:
    """Return the address of a SQLite file, absolute: a relative one would follow the working directory.

    A question mark would end it, so a file below the working directory is then named from there. Raises
    `TrackingError` for a name that has no address, or beside which MLflow would write its files.
    """
    name = os.path.relpath(file) if "?" in str(file) else str(file)
    if "?" in name or "%" in str(file):
        raise TrackingError(
            f"MLflow cannot keep its store in {file.parent}: its files would be written beside a folder with % in its "
            "name, and an address ends at ?. Rename the folder, or set MLFLOW_TRACKING_URI to a server or to a file "
            "elsewhere, such as sqlite:////var/lib/mlflow.db."
        )
    return f"{_SQLITE}{name}"


@contextmanager
def _default_store(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's global store meanwhile: a part of the registry looks models up only there."""
    import mlflow

    # MLflow writes its global store into the variable too, and answers with the variable where it has none.
    variable = os.environ.pop(_VARIABLE, None)
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop(_VARIABLE, None)
        if variable is not None:
            os.environ[_VARIABLE] = variable


def _registration_lock(file: Path | None) -> AbstractContextManager[None]:
    return hold_lock(file.with_name(f"{file.name}.lock"), seconds=_REGISTRATION) if file else nullcontext()


def _check_file(file: Path) -> None:
    """Raise sqlite3's own error within seconds; MLflow would retry a damaged or locked file for minutes."""
    connection = sqlite3.connect(file, timeout=_TRANSACTION, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _make_file(file: Path) -> None:
    """Make an empty store under a temporary name first: MLflow cannot continue a half-made one."""
    import mlflow
    from sqlalchemy import Engine, event

    def skip_sync(connection: sqlite3.Connection, _: object) -> None:
        # Nothing is lost if the machine stops now: the file has no name yet.
        connection.execute("PRAGMA synchronous=OFF")

    for left in file.parent.glob(f".{file.name}.*.part*"):
        left.unlink()  # left by a killed process
    with new_file(file) as temporary:
        event.listen(Engine, "connect", skip_sync)
        try:
            mlflow.MlflowClient(tracking_uri=_address(temporary))
        finally:
            event.remove(Engine, "connect", skip_sync)


def _request_health(uri: str) -> None:
    """Send one request: MLflow itself would retry for a minute."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    host = get_default_host_creds(uri)
    http_request(host, "/health", "GET", timeout=_CONNECT, max_retries=0, raise_on_status=False)


def _advise(uri: str, reason: str) -> str:
    if uri.startswith(SERVER):
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
    if "disk is full" in reason or "No space left" in reason or "quota exceeded" in reason:
        return "Free some space; nothing is lost, and `dvc repro` registers the model again"
    if "malformed" in reason or "not a database" in reason:
        return "It is damaged. Move it away: `dvc repro` makes a new store and registers the model again"
    return "Check MLFLOW_TRACKING_URI, and that this user may write there; unset it to use a store in this folder"
