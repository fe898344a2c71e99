"""CSV with a header line as plain rows, and answers as CSV.

An empty cell is null, and a cell that fits no kind stays text. The reader raises `Refusal`: 400 for malformed CSV, 422
for a header without the contract's names, or too many rows.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from slipway.contract import Field, Kind
from slipway.serving.api.rows import verify_row_count
from slipway.serving.error_responses import Reason, Refusal, invalid_request

CSV = "text/csv"
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_csv_rows(body: bytes, fields: Sequence[Field], max_rows: int) -> list[dict[str, Any]]:
    """Read one plain row for each line below the header."""
    kinds = {field.wire_name: None if field.zoned else field.kind for field in fields}
    rows: list[dict[str, Any]] = []
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        _verify_header(header, [*kinds])
        for cells in filter(None, lines):
            verify_row_count(len(rows) + 1, max_rows)
            if len(cells) != len(header):
                expected = f"expected {len(header)} values as in the header, found {len(cells)}"
                raise invalid_request(f"Row {len(rows)}: {expected}.")
            rows.append({name: _cell(cell, kinds.get(name)) for name, cell in zip(header, cells, strict=True)})
    except UnicodeDecodeError:
        raise Refusal(Reason.MALFORMED, "Malformed CSV: invalid UTF-8.") from None
    except csv.Error:
        raise Refusal(Reason.MALFORMED, "Malformed CSV: unbalanced quotes, or a value too long.") from None
    return rows


def write_csv(names: Sequence[str], rows: Iterable[Sequence[Any]], header: bool) -> bytes:
    """Write rows, below a `header` line of names; booleans are true and false, as in JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(names)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _verify_header(header: Sequence[str], names: Sequence[str]) -> None:
    if not header:
        raise invalid_request("Expected a header line with the names of the contract's fields.")
    if not {*header} & {*names}:
        # A file without a header would lose its first row to it.
        separated = " with commas between them" if len(header) == 1 and len(names) > 1 else ""
        raise invalid_request(
            f"Expected a header line with the names of the contract's fields ({', '.join(names)}){separated}, "
            "found a first line with none of them."
        )
    if len(set(header)) != len(header):
        raise Refusal(Reason.DUPLICATE_KEY, "Duplicate name in the header line.")


def _cell(cell: str, kind: Kind | None) -> Any:
    match kind:
        case _ if not cell:
            return None
        case Kind.INTEGER if _INTEGER.fullmatch(cell):
            return int(cell)
        case Kind.INTEGER | Kind.NUMBER if _NUMBER.fullmatch(cell):
            value = float(cell)
            if value in (float("inf"), float("-inf")):
                raise Refusal(Reason.INVALID_ROW, "A number in the body is out of range: expected 64 bits.")
            return value
        case Kind.BOOLEAN:
            return {"true": True, "false": False}.get(cell.lower(), cell)
        case Kind.TIMESTAMP if _DATE.fullmatch(cell):
            # pandas omits the time where all of a column are midnight.
            return f"{cell}T00:00:00"
    return cell


def _plain(value: Any) -> Any:
    return ("false", "true")[value] if isinstance(value, bool) else value
