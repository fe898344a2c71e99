"""Read plain rows from the JSON of MLflow's protocol, with the values as pandas writes them."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slipway.contract import Field, Kind
from slipway.serving.api.rows import parse_json, refuse_duplicate_keys, to_integer, verify_row_count
from slipway.serving.problems import Reason, Refusal
from slipway.violations import describe_value

# Texts match first, so that a NaN inside of one stays; possessive and with an optional end, so that time is linear.
_NAN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|NaN', re.DOTALL)


def read_json(body: bytes, fields: Sequence[Field], max_rows: int) -> list[Any]:
    """Read one plain row for each record: null for pandas' NaN and NaT, integers for whole floats of integer columns.

    Raises `Refusal`: 400 for malformed JSON, 422 for none of the protocol's four forms.
    """
    if b"NaN" in body:
        # Python and pandas write this word, which JSON lacks; everything else is read as strictly as elsewhere.
        body = _NAN.sub(lambda token: b"null" if token[0] == b"NaN" else token[0], body)
    document = parse_json(body)
    refuse_duplicate_keys(body)
    form = _the_form(document)
    rows = _FORMS[form](form, document[form], max_rows)
    _tidy(rows, fields)
    return rows


def _the_form(document: Any) -> str:
    """Return the form of the document, which may have empty `params` besides and nothing else."""
    if not isinstance(document, dict):
        raise _refusal(f"Expected an object with one of {_NAMES}, found {describe_value(document)}.")
    if document.get("params") not in (None, {}):
        raise _refusal("Expected no params: this model takes none.")
    forms = [name for name in document if name != "params"]
    if len(forms) != 1 or forms[0] not in _FORMS:
        raise _refusal(f"Expected exactly one of the keys {_NAMES}, and no other key but params.")
    return forms[0]


def _split(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, dict) or not {"columns", "data"} <= given.keys() <= {"columns", "data", "index"}:
        raise _refusal(f"Expected {name} as an object with the keys columns, data and optionally index.")
    columns, data, index = given["columns"], given["data"], given.get("index")
    if not isinstance(data, list) or not (index is None or (isinstance(index, list) and len(index) == len(data))):
        raise _refusal(f"Expected data of {name} as an array of rows, and index, if given, as an array of its length.")
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns):
        raise _refusal(f"Expected columns of {name} as an array of texts, the names of the contract's fields.")
    if len(set(columns)) != len(columns):
        raise Refusal(Reason.DUPLICATE_KEY, f"Duplicate name in the columns of {name}.")
    verify_row_count(len(data), max_rows)
    for number, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            raise _refusal(f"Row {number} of {name}: expected an array of {len(columns)} values, one for each column.")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _records(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, list):
        raise _refusal(f"Expected {name} as an array of records, found {describe_value(given)}.")
    if any(isinstance(row, list) for row in given):
        raise _refusal(
            f"Expected {name} as an array of records, objects with the contract's fields, found arrays: values without "
            "names could be in any order."
        )
    verify_row_count(len(given), max_rows)
    return given


def _inputs(name: str, given: Any, max_rows: int) -> list[Any]:
    if not isinstance(given, dict):
        return _records(name, given, max_rows)
    columns = given.values()
    if not any(isinstance(values, list) for values in columns):
        return [given]
    if not all(isinstance(values, list) for values in columns):
        raise _refusal(f"Expected {name} with an array for each column, or with one value for each, found both.")
    shortest, longest = min(map(len, columns)), max(map(len, columns))
    if shortest != longest:
        raise _refusal(f"Expected {name} with arrays of one length, found lengths from {shortest} to {longest}.")
    verify_row_count(longest, max_rows)
    return [dict(zip(given, values, strict=True)) for values in zip(*columns, strict=True)]


def _tidy(rows: Iterable[Any], fields: Sequence[Field]) -> None:
    """Restore, in place, the values that pandas had before it wrote them."""
    integers = [field.name for field in fields if field.kind is Kind.INTEGER]
    times = [field.name for field in fields if field.kind is Kind.TIMESTAMP]
    for row in rows:
        if isinstance(row, dict):
            for name in integers:
                if type(row.get(name)) is float:
                    row[name] = to_integer(row[name])
            for name in times:
                if row.get(name) == "NaT":
                    row[name] = None


def _refusal(detail: str) -> Refusal:
    return Refusal(Reason.INVALID_REQUEST, detail)


_FORMS: dict[str, Callable[[str, Any, int], list[Any]]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _records,
    "inputs": _inputs,
}
_NAMES = ", ".join(_FORMS)
