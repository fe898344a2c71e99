"""Read a folder of parquet files as one table, whose columns and types are checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "integer": pa.types.is_integer,
    "number": lambda found: pa.types.is_floating(found) or pa.types.is_integer(found),
    "text": lambda found: is_text(found),
    "boolean": pa.types.is_boolean,
    "timestamp": pa.types.is_timestamp,
    "instant": lambda found: pa.types.is_timestamp(found) and found.tz is not None,
}
_STORED = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string(), "boolean": pa.bool_()}


def read_parquet_folder(folder: Path, columns: Mapping[str, str]) -> "pd.DataFrame":
    """Read the parquet files of `folder` into one table, in the order of their names.

    `columns` names the columns to read and their kinds: integer, number, text, boolean, timestamp, or instant (a
    timestamp with a time zone, read in UTC). Timestamps are read in microseconds; integers and booleans with missing
    values become nullable types of pandas; other columns are ignored. Raises `DataError` for a folder without files, a
    file that is damaged or has no rows, and a column that is missing or of another kind.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        state = "has no parquet file" if folder.is_dir() else "does not exist"
        raise DataError(
            f"Expected a folder of parquet files at {folder}, but it {state}. Fetch the data of this commit: "
            "dvc pull data.dvc"
        )
    tables = [_read(path, columns) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if not table.schema.equals(tables[0].schema):
            raise DataError(
                f"{path} has timestamps with a time zone and {paths[0]} without, or the other way round. Write both "
                "files the same way."
            )
    return _to_pandas(pa.concat_tables(tables))


def _to_pandas(table: pa.Table) -> "pd.DataFrame":
    import pandas as pd

    # Without these, integers with a gap become floats and booleans with a gap become objects.
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return pd.DataFrame(
        {
            name: column.to_pandas(types_mapper=nullable.get if column.null_count else None)
            for name, column in columns.items()
        }
    )


def _read(path: Path, columns: Mapping[str, str]) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check(path, file, columns)
            table = file.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"Cannot read {path} as parquet: {str(error).strip().rstrip('.')}. If it is truncated or damaged, remove "
            "it and fetch it again (dvc pull data.dvc), or write it again."
        ) from error
    try:
        return _as_stored(table, columns)
    except pa.ArrowException as error:
        raise DataError(
            f"Cannot read {path} without losing digits (numbers have 64 bits, times are in microseconds): "
            f"{str(error).strip()} Write the file with values that fit."
        ) from error


def _check(path: Path, file: pq.ParquetFile, columns: Mapping[str, str]) -> None:
    schema = file.schema_arrow
    for name, kind in columns.items():
        if name not in schema.names:
            raise DataError(
                f"{path}: expected a column {name!r} ({kind}), found {', '.join(schema.names)}. If the column was "
                "renamed at its source, change the code that reads it; if not, write the file again."
            )
        found = schema.field(name).type
        if not _KINDS[kind](found):
            raise DataError(
                f"{path}, column {name}: expected {kind}, found {found}. If its type changed at the source, change the "
                "code that reads it; if not, write the file again."
            )
    if not file.metadata.num_rows:
        raise DataError(f"{path} has no rows, as after a failed export. Write it again, or remove it.")


def _as_stored(table: pa.Table, columns: Mapping[str, str]) -> pa.Table:
    """Cast each column to the one type of its kind, so that files with other widths can be joined."""
    return pa.table({name: table[name].cast(_target(kind, table[name].type)) for name, kind in columns.items()})


def _target(kind: str, found: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", tz="UTC" if found.tz else None)
    return _STORED[kind]


def is_text(stored: pa.DataType) -> bool:
    """Return True if a column of this type holds strings, plain or dictionary-encoded."""
    plain = plain_type(stored)
    return pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)


def plain_type(stored: pa.DataType) -> pa.DataType:
    """Return the type of the values, which a dictionary stores as codes."""
    return stored.value_type if pa.types.is_dictionary(stored) else stored
