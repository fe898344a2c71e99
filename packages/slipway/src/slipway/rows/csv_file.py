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

_DAMAGED = "If it is truncated or damaged, fetch it (dvc pull data.dvc) or write it again."
_SAVE_AS_UTF8 = "Save it in UTF-8 (in Excel: CSV UTF-8)."
# What files of another format start with.
_FORMATS = {
    b"\xff\xfe": _SAVE_AS_UTF8,
    b"\xfe\xff": _SAVE_AS_UTF8,
    b"PK\3\4": "It is an Excel workbook or a zip archive: save it as CSV UTF-8, or unpack it.",
    b"\x1f\x8b": "It is packed by gzip: unpack it.",
    b"PAR1\x15": "It is a parquet file: rename it to .parquet.",
    b"version https://git-lfs": "It is a pointer of Git LFS: run `git lfs pull`.",
}


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
    except MemoryError:  # one of pyarrow's too
        raise
    except (pa.ArrowException, OSError) as error:
        kind = "CSV" if path.suffix.lower() == ".csv" else "parquet"
        # pyarrow quotes a row with too many or too few cells, whose values must not appear in a message.
        why = re.sub(r"(columns, got \d+): .*", r"\1.", first_line(error))
        raise DataError(f"Cannot read {path} as {kind}: {why} {_advise(path, kind, why)}") from error


def _advise(path: Path, kind: str, why: str) -> str:
    """Say what to do about a file of another format, recognised by how it starts, or about a damaged one."""
    try:
        with path.open("rb") as file:
            start = file.readline(1 << 16)
    except PermissionError:
        return "Let this user read it."
    except OSError:
        start = b""
    known = next((advice for begins, advice in _FORMATS.items() if start.startswith(begins)), "")
    if kind == "parquet":
        return _DAMAGED if start.startswith(b"PAR1") else known or _DAMAGED
    if known:
        return known
    if "UTF8" in why:
        return _SAVE_AS_UTF8
    comma = any(mark in start for mark in (b";", b"\t", b"|")) and b"," not in start
    return "Separate the cells by commas, and write numbers with a point." if comma else _DAMAGED


def refuse_repeated_names(path: Path, names: Sequence[str]) -> None:
    """Raise `DataError` for two columns of one name."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has more than one column {twice[0]!r}. Rename or drop one of them.")
