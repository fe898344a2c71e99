"""Read plain rows from CSV: a header line with the contract's fields, and cells by the kind of their field."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

from slipway.contract import Field, Kind
from slipway.serving.api.rows import to_integer, verify_row_count
from slipway.serving.problems import Reason, Refusal

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRUTH = {"true": True, "false": False}


def read_csv(body: bytes, fields: Sequence[Field], max_rows: int) -> list[dict[str, Any]]:
    """Read one plain row for each line below the header; an empty cell is null, a cell that fits no kind stays text.

    Raises `Refusal`: 400 for malformed CSV, 422 for lines that do not fit the header, and for too many.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        read = _readers(header, fields)
        rows: list[dict[str, Any]] = []
        for cells in lines:
            if cells:
                verify_row_count(len(rows) + 1, max_rows)
                if len(cells) != len(header):
                    raise Refusal(
                        Reason.INVALID_REQUEST,
                        f"Row {len(rows)}: expected {len(header)} values as in the header, found {len(cells)}.",
                    )
                rows.append(
                    {name: read[name](cell) if cell else None for name, cell in zip(header, cells, strict=True)}
                )
    except UnicodeDecodeError:
        raise Refusal(Reason.MALFORMED, "Malformed CSV: invalid UTF-8.") from None
    except csv.Error:
        raise Refusal(Reason.MALFORMED, "Malformed CSV: unbalanced quotes, or a value too long.") from None
    return rows


def _readers(header: Sequence[str], fields: Sequence[Field]) -> dict[str, Callable[[str], Any]]:
    """Return the reader of each column's cells; cells of a column that the contract does not have stay text."""
    if not header:
        raise Refusal(Reason.INVALID_REQUEST, "Expected a header line with the names of the contract's fields.")
    if len(set(header)) != len(header):
        raise Refusal(Reason.DUPLICATE_KEY, "Duplicate name in the header line.")
    known = {field.name: _READERS.get(field.kind, str) for field in fields}
    known |= {field.name: _time for field in fields if field.kind is Kind.TIMESTAMP and not field.zoned}
    return {name: known.get(name, str) for name in header}


def _number(cell: str) -> Any:
    if not _NUMBER.fullmatch(cell):
        return cell
    value = float(cell)
    if value in (float("inf"), float("-inf")):
        raise Refusal(Reason.INVALID_ROW, "A number in the body is out of range: expected 64 bits.")
    return value


def _integer(cell: str) -> Any:
    return int(cell) if _INTEGER.fullmatch(cell) else to_integer(_number(cell))


def _boolean(cell: str) -> Any:
    return _TRUTH.get(cell.lower(), cell)


def _time(cell: str) -> str:
    """Add the time, which pandas omits where all of a column are midnight."""
    return f"{cell}T00:00:00" if _DATE.fullmatch(cell) else cell


_READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
}
