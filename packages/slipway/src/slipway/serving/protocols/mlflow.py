"""`POST /invocations`: the protocol of MLflow's scoring server and of SageMaker.

Rows are JSON in one of four forms, or CSV, with values as pandas has them. The readers raise `Refusal`: 400 for a
malformed body, 422 for another form, or too many rows.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Manifest
from slipway.contract import Field, Kind
from slipway.problem import Task
from slipway.serving.api.predict import make_struct, prediction_types
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader, parse_json, refuse_duplicate_keys, verify_row_count
from slipway.serving.error_responses import Reason, Refusal, invalid_request
from slipway.serving.identifiers import Identifier
from slipway.serving.request import JSON, Handler, Reply, Request, read_media_type
from slipway.violations import describe_value

CSV = "text/csv"
# Texts match first, so that a NaN inside of one stays; possessive and with an optional end, so that time is linear.
_NAN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|NaN', re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def make_invocations_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """Return the handler of the route."""
    fields = predictor.bundle.fields
    shape = _formatter(predictor.bundle.manifest)
    encode = msgspec.json.Encoder().encode

    def invocations(request: Request) -> Reply:
        kind = read_media_type(request.environ)
        if kind not in (JSON, CSV):
            raise Refusal(Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON} or {CSV}.")
        if kind == CSV and "CONTENT_LENGTH" not in request.environ:
            # Truncated JSON is malformed, but CSV truncated at the end of a line looks complete.
            detail = "Expected a Content-Length, without which truncated CSV looks whole."
            raise Refusal(Reason.INCOMPLETE, detail, status=411)
        read = _read_json if kind == JSON else _read_csv
        found = rows.convert(read(request.body, fields, rows.max_rows))
        answers = predictor.predict(found, request)
        body = b'{"predictions":' + encode([*map(shape, answers)]) + b"}"
        return Reply(body, request_id=answers[0].id if len(answers) == 1 else None)

    return invocations


def invocations_response(manifest: Manifest) -> type[msgspec.Struct]:
    """Return the struct of a response."""
    row: Any = _row_struct(manifest)
    return make_struct("InvocationsResponse", {"predictions": Annotated[list[row], Meta(min_length=1)]})


def _row_struct(manifest: Manifest) -> Any:
    """Return the struct of a prediction: the columns of the registered model, then its identifier."""
    return make_struct("InvocationsRow", prediction_types(manifest) | {"prediction_id": Identifier})


def _formatter(manifest: Manifest) -> Callable[[Answer], msgspec.Struct]:
    struct = _row_struct(manifest)
    return {
        Task.BINARY: lambda answer: struct(answer.score, answer.label, answer.id),
        Task.MULTICLASS: lambda answer: struct(*answer.score, answer.label, answer.id),
        Task.REGRESSION: lambda answer: struct(answer.score, answer.id),
    }[manifest.task]


def _read_json(body: bytes, fields: Sequence[Field], max_rows: int) -> list[Any]:
    """Read one plain row for each record: null for pandas' NaN and NaT."""
    if b"NaN" in body:
        # Python and pandas write this word, which JSON lacks; everything else is read as strictly as elsewhere.
        body = _NAN.sub(lambda token: b"null" if token[0] == b"NaN" else token[0], body)
    document = parse_json(body)
    refuse_duplicate_keys(body)
    if not isinstance(document, dict):
        raise invalid_request(f"Expected an object with one of {_NAMES}, found {describe_value(document)}.")
    if document.pop("params", None) not in (None, {}):
        raise invalid_request("Expected no params: this model takes none.")
    (form, *others) = document or ("",)
    if others or form not in _FORMS:
        raise invalid_request(f"Expected exactly one of the keys {_NAMES}, and no other key but params.")
    rows = _FORMS[form](form, document[form], max_rows)
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


def _read_csv(body: bytes, fields: Sequence[Field], max_rows: int) -> list[dict[str, Any]]:
    """Read one plain row for each line below the header; an empty cell is null, a cell that fits no kind stays text."""
    kinds = {field.wire_name: None if field.zoned else field.kind for field in fields}
    rows: list[dict[str, Any]] = []
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, [])
        if not header:
            raise invalid_request("Expected a header line with the names of the contract's fields.")
        if len(set(header)) != len(header):
            raise Refusal(Reason.DUPLICATE_KEY, "Duplicate name in the header line.")
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
