"""Read and write parquet and CSV files batch by batch; a written file appears when it is complete."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.errors import DataError, first_line
from slipway.files.writing import new_file
from slipway.rows.csv_file import CSV_BLOCK, open_csv, readable, refuse_repeated_names
from slipway.rows.folder import list_table_files
from slipway.tables import is_text

Write = Callable[[pa.RecordBatch], None]

# Large enough that a batch costs nothing beyond its rows, small enough that a few of them are nothing in memory.
ROWS = 1 << 15
# Bytes at once of a column of a parquet file, whose row groups may be huge.
_BUFFER = 1 << 20


class Source(msgspec.Struct, frozen=True):
    """One file to read; `rows` is an estimate for a CSV file."""

    path: Path
    schema: pa.Schema
    rows: int
    is_csv: bool


def open_sources(path: Path) -> list[Source]:
    """Open the .parquet or .csv file at `path`, or all files of a folder in the order of their names.

    Raises `DataError` for a file that is missing, damaged, of another type, without rows, or with two columns of one
    name.
    """
    if path.is_dir():
        return [_open(each) for each in list_table_files(path, alone=False)]
    if not path.exists():
        raise DataError(f"No file {path}. Name a .parquet or .csv file, or a folder of such files.")
    return [_open(path)]


def read_batches(source: Source, columns: Sequence[str], coded: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """Read `columns` in batches; the texts of those in `coded` are read as codes of a dictionary.

    Cells of a CSV file are read as text, null if empty. Raises `DataError` for a damaged file.
    """
    with readable(source.path):
        if source.is_csv:
            with open_csv(source.path, columns) as reader:
                yield from _gather(reader)
        else:
            texts = [name for name in coded if is_text(source.schema.field(name).type)]
            # A buffer filled in advance stays in memory to the end of the file (apache/arrow#39808).
            options = {"pre_buffer": False, "buffer_size": _BUFFER, "page_checksum_verification": True}
            with pq.ParquetFile(source.path, read_dictionary=texts, **options) as file:
                yield from file.iter_batches(ROWS, columns=columns)


def read_ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read the next batch in another thread while the caller works on this one."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


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
        with new_file(path) as temporary, _open_writer(path, temporary, schema) as writer:
            yield writer.write
    except MemoryError:  # one of pyarrow's too
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Cannot write {path}: {first_line(error)} The file is as it was before.") from error


def _open(path: Path) -> Source:
    with readable(path):
        match path.suffix.lower():
            case ".parquet":
                with pq.ParquetFile(path) as file:
                    found = Source(path, file.schema_arrow, file.metadata.num_rows, False)
            case ".csv":
                found = _look_into_csv(path)
            case other:
                raise DataError(f"{path}: expected a .parquet or .csv file, found the suffix {other or '(none)'}.")
    if not found.rows:
        raise DataError(f"{path} has no rows, as after a failed export. Write it again.")
    refuse_repeated_names(path, found.schema.names)
    return found


def _look_into_csv(path: Path) -> Source:
    with open_csv(path) as reader:
        names = reader.schema.names
        first = next(iter(reader), None)
    size = path.stat().st_size
    rows = first.num_rows * size // min(size, CSV_BLOCK) if first else 0
    return Source(path, pa.schema([(name, pa.string()) for name in names]), rows, True)


def _gather(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Join the blocks of a CSV file to fewer, larger ones."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= ROWS:
            yield pa.concat_batches(held)
            held = []
    if held:
        yield pa.concat_batches(held)


def _open_writer(path: Path, temporary: Path, schema: pa.Schema) -> pq.ParquetWriter | csv.CSVWriter:
    if path.suffix.lower() == ".csv":
        return csv.CSVWriter(temporary, schema)
    # Keys and scores hardly repeat, and scores do not compress: compressing them takes three times as long.
    packed = {field.name: "none" if pa.types.is_floating(field.type) else "zstd" for field in schema}
    return pq.ParquetWriter(temporary, schema, compression=packed, use_dictionary=False, write_page_checksum=True)
