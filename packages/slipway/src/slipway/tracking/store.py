"""Open an MLflow store, and say in one paragraph what is wrong with one that cannot be used."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from slipway.errors import TrackingError
from slipway.files import new_file
from slipway.lock import hold_lock
from slipway.settings import quiet_environment
from slipway.tracking.store_errors import describe_store_error, describe_unreachable, hide_password, store_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
# Seconds: for the first answer of a server, for another program's transaction, for another registration.
_ANSWER, _TRANSACTION, _TURN = 5, 5, 120


class Store(NamedTuple):
    """An open store; `alone` says that no other registration can be writing to it at this moment."""

    client: "MlflowClient"
    uri: str
    alone: bool


@contextmanager
def open_store(uri: str) -> Iterator[Store]:
    """Open the store at `uri` for one registration; a SQLite file is closed to other ones meanwhile.

    Raises `TrackingError` for a server that does not answer (within seconds) and for a file that is damaged,
    locked or of another schema, and turns MLflow's own errors inside the block into one.
    """
    quiet_environment()
    file = sqlite_file(uri)
    try:
        with _turn(file):
            client = _connect(uri, file)
            with _default_store(client.tracking_uri):
                yield Store(client, hide_password(uri), alone=file is not None)
    except store_errors() as error:
        raise TrackingError(describe_store_error(uri, error)) from error


def sqlite_file(uri: str) -> Path | None:
    """The file in which the store at `uri` lies, None if it lies elsewhere."""
    if not uri.startswith(_SQLITE) or uri == _SQLITE:
        return None
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0])).absolute()


def _connect(uri: str, file: Path | None) -> "MlflowClient":
    import mlflow

    if file is not None:
        # Relative paths would follow the working directory; MLflow makes its own default absolute too.
        uri = f"{_SQLITE}{file}"
        if file.exists() and file.stat().st_size:
            _check_file(file)
        else:
            _make_file(file)
    elif urlsplit(uri).scheme in ("http", "https"):
        _knock(uri)
    return mlflow.MlflowClient(tracking_uri=uri)


@contextmanager
def _default_store(uri: str) -> Iterator[None]:
    """Make `uri` MLflow's global store meanwhile: a part of the registry looks models up there alone."""
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


@contextmanager
def _turn(file: Path | None) -> Iterator[None]:
    """Wait until no other registration writes to `file`; the system ends the claim of a killed process."""
    if file is None:
        yield
        return
    with hold_lock(file.with_name(f"{file.name}.lock"), seconds=_TURN):
        yield


def _check_file(file: Path) -> None:
    """Raise sqlite3's own error in seconds; MLflow would try a damaged or locked file for minutes."""
    connection = sqlite3.connect(file, timeout=_TRANSACTION, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _make_file(file: Path) -> None:
    """Make an empty store under another name first: MLflow cannot go on with one that was half made."""
    import mlflow
    from sqlalchemy import Engine, event

    def hurry(connection: sqlite3.Connection, _: object) -> None:
        # Nothing is lost if the machine stops now: the file has no name yet.
        connection.execute("PRAGMA synchronous=OFF")

    for left in file.parent.glob(f".{file.name}.*.part*"):
        left.unlink()  # a process was killed here
    with new_file(file) as temporary:
        event.listen(Engine, "connect", hurry)
        try:
            mlflow.MlflowClient(tracking_uri=f"{_SQLITE}{temporary}")
        finally:
            event.remove(Engine, "connect", hurry)


def _knock(uri: str) -> None:
    """Ask the server for anything at all, once: MLflow itself would wait a minute for an answer."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    host = get_default_host_creds(uri)
    try:
        http_request(host, "/health", "GET", timeout=_ANSWER, max_retries=0, raise_on_status=False)
    except MlflowException as error:
        raise TrackingError(describe_unreachable(uri, error)) from error
