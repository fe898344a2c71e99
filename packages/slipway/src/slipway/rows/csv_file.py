"""Open CSV files as score and the loader of datasets do: every cell as text, null if empty."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from slipway.errors import DataError, first_line

# Bytes at once, of which pyarrow reads 32 ahead; a row must fit.
CSV_BLOCK = 1 << 20


def open_csv(path: Path, columns: Sequence[str] | None = None) -> csv.CSVStreamingReader:
    """Open a CSV file; without `columns` all of them, of the types that pyarrow finds."""
    options = csv.ConvertOptions()
    if columns is not None:
        options = csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        )
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise `DataError` for what pyarrow raises on the file at `path`."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        kind = "CSV" if path.suffix.lower() == ".csv" else "parquet"
        # pyarrow quotes a row with too many or too few cells, whose values must not appear in a message.
        why = re.sub(r"(columns, got \d+): .*", r"\1.", first_line(error))
        raise DataError(
            f"Cannot read {path} as {kind}: {why} If it is truncated or damaged, fetch it (dvc pull data.dvc) or write "
            "it again."
        ) from error


def refuse_repeated_names(path: Path, names: Sequence[str]) -> None:
    """Raise `DataError` for two columns of one name."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has more than one column {twice[0]!r}. Rename or drop one of them.")
