"""Rows as clients of MLflow, SageMaker and Vertex AI send them in JSON: null for pandas' NaN and NaT.

The readers raise `Refusal`: 400 for a malformed body, 422 for another form, or too many rows.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from slipway.contract import Field, Kind
from slipway.serving.api.rows import parse_json, refuse_duplicate_keys, verify_row_count
from slipway.serving.error_responses import Reason, Refusal, invalid_request
from slipway.violations import describe_value

# Keys beside the rows: MLflow's, and Vertex AI's.
PARAMETERS = ("params", "parameters")
# Texts match first, so that a NaN inside of one stays; possessive and with an optional end, so that time is linear.
_NAN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|NaN', re.DOTALL)


def read_json_rows(body: bytes, fields: Sequence[Field], max_rows: int) -> list[Any]:
    """Read one plain row for each record of a document in one of the four forms."""
    document = _parse(body)
    if not isinstance(document, dict):
        raise invalid_request(f"Expected an object with one of {_NAMES}, found {describe_value(document)}.")
    for name in PARAMETERS:
        if document.pop(name, None) not in (None, {}):
            raise invalid_request(f"Expected no {name}: this model takes none.")
    (form, *others) = document or ("",)
    if others or form not in _FORMS:
        raise invalid_request(
            f"Expected exactly one of the keys {_NAMES}, and no other key but {' or '.join(PARAMETERS)}."
        )
    rows = _FORMS[form](form, document[form], max_rows)
    return _without_nat(rows, fields)


def read_json_lines(body: bytes, fields: Sequence[Field], max_rows: int) -> list[Any]:
    """Read one plain row for each line that is not empty."""
    rows: list[Any] = []
    for line in filter(None, map(bytes.strip, body.split(b"\n"))):
        verify_row_count(len(rows) + 1, max_rows)
        try:
            rows.append(_parse(line))
        except Refusal as refusal:
            raise Refusal(refusal.reason, f"Row {len(rows)}: {refusal.detail}") from None
    return _without_nat(rows, fields)


def _parse(body: bytes) -> Any:
    if b"NaN" in body:
        # Python and pandas write this word, which JSON lacks; everything else is read as strictly as elsewhere.
        body = _NAN.sub(lambda token: b"null" if token[0] == b"NaN" else token[0], body)
    document = parse_json(body)
    refuse_duplicate_keys(body)
    return document


def _without_nat(rows: list[Any], fields: Sequence[Field]) -> list[Any]:
    for name in [field.wire_name for field in fields if field.kind is Kind.TIMESTAMP]:
        for row in rows:
            if isinstance(row, dict) and row.get(name) == "NaT":
                row[name] = None
    return rows


def _split(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, dict) or not {"columns", "data"} <= given.keys() <= {"columns", "data", "index"}:
        raise invalid_request(f"Expected {name} as an object with the keys columns, data and optionally index.")
    columns, data, index = given["columns"], given["data"], given.get("index")
    if not isinstance(data, list) or not (index is None or (isinstance(index, list) and len(index) == len(data))):
        raise invalid_request(
            f"Expected data of {name} as an array of rows, and index, if given, as an array of its length."
        )
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise invalid_request(f"Expected columns of {name} as an array of texts, the names of the contract's fields.")
    if len(set(columns)) != len(columns):
        raise Refusal(Reason.DUPLICATE_KEY, f"Duplicate name in the columns of {name}.")
    verify_row_count(len(data), max_rows)
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            expected = f"expected an array of {len(columns)} values, one for each column"
            raise invalid_request(f"Row {number} of {name}: {expected}.")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _records(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, list):
        raise invalid_request(f"Expected {name} as an array of records, found {describe_value(given)}.")
    if any(isinstance(row, list) for row in given):
        raise invalid_request(
            f"Expected {name} as an array of records, objects with the contract's fields, found arrays: values without "
            "names could be in any order."
        )
    verify_row_count(len(given), max_rows)
    return given


def _inputs(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, dict):
        return _records(name, given, max_rows)
    columns = [values for values in given.values() if isinstance(values, list)]
    if not columns:
        return [given]
    if len(columns) != len(given):
        raise invalid_request(f"Expected {name} with an array for each column, or with one value for each, found both.")
    shortest, longest = min(map(len, columns)), max(map(len, columns))
    if shortest != longest:
        raise invalid_request(f"Expected {name} with arrays of one length, found lengths from {shortest} to {longest}.")
    verify_row_count(longest, max_rows)
    return [dict(zip(given, values, strict=True)) for values in zip(*columns, strict=True)]


_FORMS: dict[str, Callable[[str, Any, int], list[Any]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _records,
    "inputs": _inputs,
}
_NAMES = ", ".join(_FORMS)
