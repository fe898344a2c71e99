"""A SQLite store that was made in another folder, or on another machine: let it find its files where it lies now.

MLflow writes the whole path of every file's folder into the database, so a store that is only copied shows runs and
metrics and no files.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from slipway.errors import TrackingError

# Where MLflow keeps the address of a folder, and the folders that it makes beside the database.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_FOLDERS = ("mlruns", "mlartifacts")


def relocate_store(file: Path, folder: Path) -> int:
    """Let the store `file` look for its files in `folder`; how many addresses were changed. Raises `TrackingError`.

    Addresses in an object store stay, and so do references to a model (models:/...).
    """
    try:
        with closing(sqlite3.connect(file)) as connection, connection:
            return sum(_relocate(connection, table, column, folder) for table, column in _COLUMNS)
    except sqlite3.Error as error:
        raise TrackingError(f"{file} is no MLflow store of this version: {error}.") from error


def _relocate(connection: sqlite3.Connection, table: str, column: str, folder: Path) -> int:
    # Names of tables and columns cannot be parameters; these are the ones above.
    found = connection.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608
    changes = [(new, old) for (old,) in found.fetchall() if (new := _moved(old, folder)) != old]
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", changes)  # noqa: S608
    return len(changes)


def _moved(address: str, folder: Path) -> str:
    path = address.removeprefix("file://")
    if not path.startswith("/"):
        return address
    for name in _FOLDERS:
        _, found, below = path.rpartition(f"/{name}/")
        if found:
            return f"{folder}/{name}/{below}"
    return address
