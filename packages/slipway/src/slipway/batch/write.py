"""Write a table batch by batch; the file appears whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from slipway.errors import DataError, first_line
from slipway.files import new_file

Write = Callable[[pa.RecordBatch], None]


def check_output(path: Path, source: Path) -> None:
    """Raise `DataError` if no table can be written to `path`, or if it is what is read."""
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(f"{path} ends in {path.suffix or 'nothing'}; a table is written as .parquet or .csv.")
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}. Make it, or name another one.")
    if path.is_dir():
        raise DataError(f"{path} is a folder. Name a file.")
    if (path.exists() and path.samefile(source)) or path.parent.samefile(source):
        raise DataError(f"{path} would become part of {source}, which is read. Write to another place.")


@contextmanager
def new_table(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Give a function that appends a batch; what it got becomes the file `path` if the block ends well.

    Raises `DataError` where `path` cannot be written, or cannot hold the schema's types.
    """
    try:
        with new_file(path) as temporary, _open(path, temporary, schema) as writer:
            yield writer.write
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be written: {first_line(error)} Nothing of this run is left there.") from error


def _open(path: Path, temporary: Path, schema: pa.Schema) -> pq.ParquetWriter | csv.CSVWriter:
    if path.suffix.lower() == ".csv":
        return csv.CSVWriter(temporary, schema)
    # Keys and scores hardly repeat, and scores do not compress: trying to takes three times as long as writing them.
    packed = {field.name: "none" if pa.types.is_floating(field.type) else "zstd" for field in schema}
    return pq.ParquetWriter(temporary, schema, compression=packed, use_dictionary=False, write_page_checksum=True)
