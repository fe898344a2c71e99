"""Read the table that a new problem is made from: a Parquet or CSV file, or a folder of them."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from slipway.errors import DataError, first_line
from slipway.rows.folder import list_table_files
from slipway.tables import is_text, plain_type

# Bytes of a CSV file from which its delimiter is found.
_HEAD = 65_536
_DELIMITERS = ",;\t|"
_ADVICE = "Expected a .parquet or .csv file, or a folder of such files."


def read_source_table(source: Path) -> pa.Table:
    """Read `source` into one table of plain types: truth values, int64, float64, text, and times in microseconds.

    Files of a folder are read in the order of their names and must have the same columns. Columns of other types
    (lists, structs, bytes) are left out. Raises `DataError`.
    """
    paths = list_table_files(source, alone=False) if source.is_dir() else [source]
    tables = [_read(path) for path in paths]
    _require_same_columns(paths, tables)
    table = pa.concat_tables([_as_plain(each) for each in tables], promote_options="permissive")
    if not table.num_rows:
        raise DataError(f"{source} has no rows.")
    return table.combine_chunks()


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pq.read_table(path)
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            return _read_csv(path)
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}. {_ADVICE}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path}: {first_line(error)} {_ADVICE} CSV files are read as UTF-8.") from error
    raise DataError(f"{path}: expected a name that ends in .parquet or .csv. {_ADVICE}")


def _read_csv(path: Path) -> pa.Table:
    with path.open(encoding="utf-8-sig", errors="strict") as file:
        head = file.read(_HEAD)
    try:
        delimiter = csv.Sniffer().sniff(head, _DELIMITERS).delimiter
    except csv.Error:
        # A file of one column has none.
        delimiter = ","
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
    )


def _require_same_columns(paths: list[Path], tables: list[pa.Table]) -> None:
    for path, table in zip(paths, tables, strict=True):
        twice = {name for name in table.column_names if table.column_names.count(name) > 1}
        if twice:
            raise DataError(f"{path} has more than one column {sorted(twice)[0]!r}. Rename or drop one of them.")
        missing = sorted(set(table.column_names) ^ set(tables[0].column_names))
        if missing:
            raise DataError(
                f"{path} and {paths[0]} have other columns: {', '.join(missing)} only in one of them. Write the files "
                "the same way."
            )


def _as_plain(table: pa.Table) -> pa.Table:
    """Cast each column to the plain type of its kind; leave out columns that have none."""
    found = {name: _plain_type(table.schema.field(name).type) for name in table.column_names}
    try:
        return pa.table({name: table[name].cast(kind) for name, kind in found.items() if kind is not None})
    except pa.ArrowException as error:
        raise DataError(
            f"A column cannot be read without losing digits (numbers have 64 bits, times are in microseconds): "
            f"{first_line(error)} Write the file with values that fit."
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
    return pa.string() if is_text(found) or pa.types.is_null(plain) else None
