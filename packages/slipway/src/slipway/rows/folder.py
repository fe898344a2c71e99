"""Read a folder of parquet and CSV files as one table, whose columns and types are checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.errors import DataError
from slipway.rows.csv_file import open_csv, readable, refuse_repeated_names
from slipway.tables import READ_TYPES, cast_cells, cast_column, fits_kind, is_text

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = {".parquet", ".csv"}
# What R, MySQL, other databases and spreadsheets write for a missing value: text, where a column is one of texts.
_MISSING = {"NA", "\\N", "NULL", "None", "null", "N/A", "#N/A", "<NA>", "."}
_EMPTY_CELLS = 'Write missing values as empty cells: write.csv(..., na = "") in R.'
_WRITE_AGAIN = "If its type changed at the source, change the code that reads it; if not, write the file again."


def read_folder(folder: Path, columns: Mapping[str, str]) -> "pd.DataFrame":
    """Read the parquet and CSV files of `folder` into one table, in the order of their names.

    `columns` names the columns to read and their kinds: integer, number, text, boolean, timestamp, or instant (a
    timestamp with a time zone, read in UTC). Timestamps are read in microseconds; integers and booleans with missing
    values become nullable types of pandas; other columns are ignored. An empty cell of a CSV file is a missing value.
    Raises `DataError` for a folder without files, a file of another type, one that is damaged or has no rows, and a
    column that is missing, occurs twice or is of another kind.
    """
    tables = [(path, _read(path, columns)) for path in list_table_files(folder, alone=True)]
    first, known = tables[0]
    for path, table in tables:
        if not table.schema.equals(known.schema):
            raise DataError(
                f"{path} has timestamps with a time zone and {first} without, or the other way round. Write both files "
                "the same way."
            )
    return _to_pandas(pa.concat_tables([table for _, table in tables]))


def list_table_files(folder: Path, alone: bool) -> list[Path]:
    """List the parquet and CSV files of `folder` by name; raises `DataError` that names one in a form that is not read.

    If they must be `alone`, it names anything else there too, except for files that other tools leave beside tables,
    whose names begin with a dot or an underscore (`_SUCCESS`).
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    tables = [path for path in found if path.suffix.lower() in _SUFFIXES and path.is_file()]
    others = [path for path in found if path not in tables and not path.name.startswith((".", "_"))]
    unread = [path.name for path in others if alone or _SUFFIXES & {suffix.lower() for suffix in path.suffixes}]
    if unread:
        raise DataError(
            f"{folder} has what is not read: {', '.join(unread[:5])}{', ...' if len(unread) > 5 else ''}. Expected "
            ".parquet and .csv files. Unpack or convert it, move its files up, or take it away."
        )
    if not tables:
        state = "has no parquet or CSV file" if folder.is_dir() else "does not exist"
        raise DataError(
            f"Expected a folder of parquet or CSV files at {folder}, but it {state}."
            f"{' Fetch the data of this commit: dvc pull data.dvc' if alone else ''}"
        )
    return tables


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
    read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
    with readable(path):
        table = read(path, columns)
    if not len(table):
        raise DataError(f"{path} has no rows, as after a failed export. Write it again, or remove it.")
    return table


def _read_parquet(path: Path, columns: Mapping[str, str]) -> pa.Table:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        _check_names(path, file.schema_arrow.names, columns)
        for name, kind in columns.items():
            found = file.schema_arrow.field(name).type
            if not fits_kind(kind, found):
                raise DataError(f"{path}, column {name}: expected {kind}, found {found}. {_WRITE_AGAIN}")
        table = file.read(columns=list(columns))
    return pa.table({name: _cast(path, name, kind, table[name]) for name, kind in columns.items()})


def _cast(path: Path, name: str, kind: str, column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if kind != "text" and is_text(column.type):
        return _cast_cells(path, name, kind, column.cast(pa.string()))
    try:
        return cast_column(kind, column)
    except pa.ArrowException as error:
        raise DataError(
            f"{path}, column {name}: cannot be read as {kind} without losing digits (numbers have 64 bits, times are "
            f"in microseconds): {str(error).strip()} Write the file with values that fit, or read the column as "
            "another kind."
        ) from error


def _read_csv(path: Path, columns: Mapping[str, str]) -> pa.Table:
    with open_csv(path) as reader:
        _check_names(path, reader.schema.names, columns)
    with open_csv(path, list(columns)) as reader:
        cells = reader.read_all()
    return pa.table({name: _cast_cells(path, name, kind, cells[name]) for name, kind in columns.items()})


def _cast_cells(path: Path, name: str, kind: str, cells: pa.ChunkedArray) -> pa.Array:
    given = cells.combine_chunks()
    read = given if kind == "text" else cast_cells(given, READ_TYPES[kind])
    if kind == "timestamp" and read.null_count == len(read) > given.null_count:
        read = cast_cells(given, READ_TYPES["instant"])
    if read.null_count > given.null_count:
        unread = read.is_null().to_numpy(zero_copy_only=False) & ~given.is_null().to_numpy(False)
        row = int(unread.argmax())
        mark = given[row].as_py().strip()
        raise DataError(
            f"{path}, row {row + 1:,}, column {name}: expected {kind} or an empty cell, found "
            f"{mark if mark in _MISSING else 'other text'} in {int(unread.sum()):,} of {len(given):,} rows. "
            f"{_EMPTY_CELLS if mark in _MISSING else _WRITE_AGAIN}"
        )
    return read


def _check_names(path: Path, names: list[str], columns: Mapping[str, str]) -> None:
    refuse_repeated_names(path, names)
    for name, kind in columns.items():
        if name not in names:
            split = " Separate the cells by commas." if any(mark in ";".join(names[:1]) for mark in ";\t|") else ""
            raise DataError(
                f"{path}: expected a column {name!r} ({kind}), found {', '.join(map(repr, names))}. If the column was "
                f"renamed at its source, change the code that reads it; if not, write the file again.{split}"
            )
