"""Read the table that a new problem is made from: a Parquet or CSV file, or a folder of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.errors import DataError, first_line
from slipway.rows.csv_file import refuse_repeated_names
from slipway.rows.folder import list_table_files
from slipway.tables import is_text, plain_type
from slipway.template.csv_source import infer_types, read_csv_cells

_CSV = (".csv", ".tsv", ".txt")
_ADVICE = "Expected a .parquet or .csv file, or a folder of such files."


def read_source_table(source: Path) -> pa.Table:
    """Read `source` into one table of plain types: truth values, int64, float64, text, and times in microseconds.

    Files of a folder are read in the order of their names and must have the same columns. A column of another type
    (lists, structs, bytes) stays as it is, and can be no input. Raises `DataError`.
    """
    paths = list_table_files(source, alone=False) if source.is_dir() else [source]
    tables = [_read(path) for path in paths]
    _require_same_columns(paths, tables)
    table = _join(paths, tables)
    if not table.num_rows:
        raise DataError(f"{source} has no rows.")
    return table.combine_chunks()


def _join(paths: list[Path], tables: list[pa.Table]) -> pa.Table:
    """Join the files in one table; types of CSV files are found from the cells of all of them."""
    cells = [table for path, table in zip(paths, tables, strict=True) if path.suffix.lower() in _CSV]
    typed = [table for path, table in zip(paths, tables, strict=True) if path.suffix.lower() not in _CSV]
    typed += [infer_types(pa.concat_tables(cells, promote_options="default"))] if cells else []
    plain = [_as_plain(each) for each in typed]
    try:
        joined = pa.concat_tables(plain, promote_options="permissive")
    except MemoryError:  # one of pyarrow's too
        raise
    except pa.ArrowException as error:
        raise DataError(
            f"The files of {paths[0].parent} cannot be joined: {first_line(error)} Write a column with one type."
        ) from error
    # A column without any value has no type.
    return _as_plain(joined, pa.string())


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pq.read_table(path)
        if path.suffix.lower() in _CSV:
            return read_csv_cells(path)
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}. {_ADVICE}") from error
    except MemoryError:  # one of pyarrow's too
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path}: {first_line(error)} {_ADVICE} CSV files are read as UTF-8.") from error
    raise DataError(f"Cannot read {path}: its name ends in {path.suffix or 'no suffix'}. {_ADVICE}")


def _require_same_columns(paths: list[Path], tables: list[pa.Table]) -> None:
    for path, table in zip(paths, tables, strict=True):
        refuse_repeated_names(path, table.column_names)
        missing = sorted(set(table.column_names) ^ set(tables[0].column_names))
        if missing:
            raise DataError(
                f"{path} and {paths[0]} have other columns: {', '.join(missing)} only in one of them. Write the files "
                "the same way."
            )


def _as_plain(table: pa.Table, empty: pa.DataType | None = None) -> pa.Table:
    """Cast each column to the plain type of its kind, one of no type to `empty`, and leave any other as it is."""
    columns = zip(table.column_names, table.columns, strict=True)
    return pa.table({name: _cast(name, column, empty) for name, column in columns})


def _cast(name: str, column: pa.ChunkedArray, empty: pa.DataType | None) -> pa.ChunkedArray:
    plain = empty if pa.types.is_null(column.type) else _plain_type(column.type)
    try:
        return column if plain is None else column.cast(plain)
    except MemoryError:  # one of pyarrow's too
        raise
    except pa.ArrowException as error:
        raise DataError(
            f"The column {name} cannot be read without losing digits (numbers have 64 bits, times are in "
            f"microseconds): {first_line(error)} Write the file with values that fit, or without the column."
        ) from error


def _plain_type(found: pa.DataType) -> pa.DataType | None:
    plain = plain_type(found)
    if pa.types.is_boolean(plain):
        return pa.bool_()
    if pa.types.is_integer(plain):
        return pa.int64()
    if pa.types.is_floating(plain) or pa.types.is_decimal(plain):
        return pa.float64()
    if pa.types.is_timestamp(plain) or pa.types.is_date(plain):
        return pa.timestamp("us", tz="UTC" if getattr(plain, "tz", None) else None)
    return pa.string() if is_text(found) else None
