"""Read a CSV file whose delimiter and types are not known: both are found from all of its rows."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from slipway.rows.csv_file import refuse_repeated_names

# Characters and rows at the beginning of a file from which its delimiter is found.
_HEAD, _HEAD_ROWS = 65_536, 50
_DELIMITERS = ",;\t|"
# What stands for a missing number, truth value or time. In a column of text it is a value: NA is Namibia.
_MISSING = pa.array(pyarrow.csv.ConvertOptions().null_values)
_KINDS = (pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us"), pa.timestamp("us", tz="UTC"))
# Codes that are not numbers: as a number 01234 loses its zero, and one of 17 digits or more its last ones.
_LEADING_ZERO, _LONG = r"^[+-]?0[0-9]", r"^[+-]?[0-9]{17,}$"


def read_csv_cells(path: Path) -> pa.Table:
    """Read a CSV file in UTF-8 as text, null for an empty cell.

    Raises `DataError` for a repeated name, and what pyarrow and Python raise.
    """
    delimiter, names = _read_head(path)
    refuse_repeated_names(path, names)
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def infer_types(cells: pa.Table) -> pa.Table:
    """Give each column the first type that keeps all of its cells: integer, number, boolean, time, else text."""
    return pa.table([_infer(column) for column in cells.columns], names=cells.column_names)


def _read_head(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter that splits the first rows into the most cells of one number, and the columns' names."""
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        head = file.read(_HEAD)
    # The last row may be cut off.
    lines = (head if len(head) < _HEAD else head[: head.rfind("\n")]).splitlines(keepends=True)
    split = {mark: [row for row in csv.reader(lines, delimiter=mark) if row][:_HEAD_ROWS] for mark in _DELIMITERS}
    widths = {mark: {len(row) for row in rows} for mark, rows in split.items()}
    found = max(_DELIMITERS, key=lambda mark: (len(widths[mark]) == 1, max(widths[mark], default=0)))
    if max(widths[found], default=0) == 1:
        # One column for every delimiter, or other numbers of cells in each row: pyarrow names the row.
        found = ","
    return found, next(iter(split[found]), [])


def _infer(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(cells)
    known = pc.if_else(pc.is_in(trimmed, value_set=_MISSING), None, trimmed)
    if known.null_count == len(known):
        return cells
    for kind in _KINDS:
        if _loses_digits(known, kind):
            continue
        try:
            return known.cast(kind)
        except pa.ArrowInvalid:
            continue
    return cells


def _loses_digits(known: pa.ChunkedArray, kind: pa.DataType) -> bool:
    patterns = {pa.int64(): [_LEADING_ZERO], pa.float64(): [_LEADING_ZERO, _LONG]}.get(kind, [])
    return any(pc.any(pc.match_substring_regex(known, each)).as_py() for each in patterns)
