"""Write a table batch by batch; the file appears when it is complete."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.errors import DataError, first_line
from slipway.files.writing import new_file

Write = Callable[[pa.RecordBatch], None]


def check_output(path: Path, source: Path) -> None:
    """Raise `DataError` if no table can be written to `path`, or if it is among the files of `source`."""
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(f"{path}: expected a .parquet or .csv file, found the suffix {path.suffix or '(none)'}.")
    if not path.parent.is_dir():
        raise DataError(f"Cannot write {path}: no folder {path.parent}. Create it, or name another one.")
    if path.is_dir():
        raise DataError(f"{path}: expected a file, found a folder. Name a file.")
    if (path.exists() and path.samefile(source)) or path.parent.samefile(source):
        raise DataError(f"Cannot write {path}: it belongs to the input {source}. Write to another path.")


@contextmanager
def new_table(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Yield a function that appends a batch; the file `path` appears when the block ends without an error.

    Raises `DataError` if `path` cannot be written or cannot store the schema's types.
    """
    try:
        with new_file(path) as temporary, _open(path, temporary, schema) as writer:
            yield writer.write
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Cannot write {path}: {first_line(error)} The file is as it was before.") from error


def _open(path: Path, temporary: Path, schema: pa.Schema) -> pq.ParquetWriter | csv.CSVWriter:
    if path.suffix.lower() == ".csv":
        return csv.CSVWriter(temporary, schema)
    # Keys and scores hardly repeat, and scores do not compress: compressing them takes three times as long.
    packed = {field.name: "none" if pa.types.is_floating(field.type) else "zstd" for field in schema}
    return pq.ParquetWriter(temporary, schema, compression=packed, use_dictionary=False, write_page_checksum=True)
