"""Change the paths in a SQLite store that was copied from another folder or machine.

MLflow writes the absolute path of every folder of files into the database, so a copied store shows runs and metrics
without files.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from slipway.errors import TrackingError

# The columns in which MLflow keeps the address of a folder, and the folders that it makes beside the database.
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_FOLDERS = ("mlruns", "mlartifacts")


def relocate_store(file: Path, folder: Path) -> int:
    """Point the store `file` to its files in `folder` and return the number of changed addresses.

    Addresses in an object store and references to a model (models:/...) stay. Raises `TrackingError`.
    """
    try:
        with closing(sqlite3.connect(file)) as connection, connection:
            return sum(_relocate(connection, table, column, folder) for table, column in _COLUMNS)
    except sqlite3.Error as error:
        raise TrackingError(f"Cannot read {file} as an MLflow store of this version: {error}.") from error


def _relocate(connection: sqlite3.Connection, table: str, column: str, folder: Path) -> int:
    # Names of tables and columns cannot be parameters; these are the constants above.
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
