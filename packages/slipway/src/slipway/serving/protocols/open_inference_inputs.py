"""Inputs of the Open Inference Protocol v2: columns of values in JSON or as bytes after it, read as plain rows.

Every length is compared with the bytes received before anything is allocated.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from slipway.columns import to_integer
from slipway.contract import Field, Kind
from slipway.serving.api.rows import shown_name, verify_row_count
from slipway.serving.error_responses import Fault, Reason, Refusal, invalid_request
from slipway.serving.protocols.open_inference_documents import Tensor
from slipway.violations import describe_violation

NUMBERS = {
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (64, 32, 16)},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}
LENGTH = struct.Struct("<I")
_DATATYPES = {Kind.NUMBER: (*NUMBERS,), Kind.INTEGER: (*NUMBERS,), Kind.BOOLEAN: ("BOOL", "BYTES")}
_IN_JSON: dict[str, Any] = {"F": list[float | None], "BOOL": list[bool | None], "BYTES": list[str | None]}
_TRUTH = {"true": True, "false": False}
_INFINITY = float("inf")


def read_inputs(
    inputs: Sequence[Tensor], fields: Mapping[str, Field], rest: memoryview, max_rows: int
) -> list[dict[str, Any]]:
    """Read the inputs as plain rows, None for missing values; `rest` are the bytes after the JSON.

    Raises `Refusal` (422) for inputs that do not fit the contract's fields or each other.
    """
    _verify_names(inputs, fields)
    _verify_shapes(inputs, max_rows)
    columns, at = [], 0
    for tensor in inputs:
        size = _binary_size(tensor, len(rest) - at)
        content = None if size is None else rest[at : at + size]
        columns.append(_read_tensor(tensor, fields[tensor.name], content))
        at += size or 0
    if at != len(rest):
        raise invalid_request("Expected as many bytes after the JSON as the sum of the inputs' binary_data_size.")
    names = [tensor.name for tensor in inputs]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _verify_names(inputs: Sequence[Tensor], fields: Mapping[str, Field]) -> None:
    seen: set[str] = set()
    for index, tensor in enumerate(inputs):
        if tensor.name not in fields:
            raise invalid_request(f"Input {index}, {shown_name(tensor.name)}: expected one of {', '.join(fields)}.")
        if tensor.name in seen:
            raise invalid_request(f"Input {tensor.name}: expected once, found twice.")
        seen.add(tensor.name)
    missing = [name for name, field in fields.items() if field.required and name not in seen]
    if missing:
        raise invalid_request(f"Missing inputs: {', '.join(missing)}. Expected {', '.join(fields)}.")


def _verify_shapes(inputs: Sequence[Tensor], max_rows: int) -> None:
    """Refuse inputs that do not have one value for each row: the shape [rows] or [rows, 1]."""
    rows = inputs[0].shape[0] if inputs and inputs[0].shape else 0
    for tensor in inputs:
        if tensor.shape not in ([rows], [rows, 1]) or not rows:
            raise invalid_request(
                f"Input {tensor.name}: expected the shape [rows] or [rows, 1], with at least one row and as many as "
                "the other inputs."
            )
    verify_row_count(rows, max_rows)


def _binary_size(tensor: Tensor, most: int) -> int | None:
    """Return how many of the `most` bytes that are left belong to an input, None for one with data in JSON."""
    size = tensor.parameters.get("binary_data_size")
    if "shared_memory_region" in tensor.parameters or (size is None) == (tensor.data is msgspec.UNSET):
        raise invalid_request(f"Input {tensor.name}: expected either data or the parameter binary_data_size.")
    if size is not None and (type(size) is not int or not 0 <= size <= most):
        raise invalid_request(f"Input {tensor.name}: expected binary_data_size of at most the bytes after the JSON.")
    return size


def _read_tensor(tensor: Tensor, field: Field, content: memoryview | None) -> list[Any]:
    datatypes = _DATATYPES.get(field.kind, ("BYTES",))
    if tensor.datatype not in datatypes:
        raise _refusal(field, f"the datatype {' or '.join(datatypes)}, found another")
    found = _from_json(tensor, field) if content is None else _from_bytes(tensor, field, content)
    if tensor.datatype.startswith("FP"):
        return _floats(field, found)
    if tensor.datatype == "BYTES" and field.nullable:
        found = [value or None for value in found]
    if tensor.datatype == "BYTES" and field.kind is Kind.BOOLEAN:
        return [value and _TRUTH.get(value.lower(), value) for value in found]
    return found


def _from_json(tensor: Tensor, field: Field) -> list[Any]:
    data, rows, datatype = tensor.data, tensor.shape[0], tensor.datatype
    if isinstance(data, list) and len(tensor.shape) == 2 and any(isinstance(value, list) for value in data):
        if not all(isinstance(value, list) and len(value) == 1 for value in data):
            raise _refusal(field, "data nested as the shape says, or not at all")
        data = [value for (value,) in data]
    if not isinstance(data, list) or len(data) != rows:
        raise _refusal(field, f"data as an array of {rows} values, as the shape says")
    wanted = f"data of the datatype that it declares, {datatype}, or null"
    if "INT" in datatype:
        # JSON has one kind of number: 7.0 is an integer, too.
        found, limits = [*map(to_integer, data)], np.iinfo(NUMBERS[datatype])
        if all(value is None or (type(value) is int and limits.min <= value <= limits.max) for value in found):
            return found
        raise _refusal(field, wanted)
    try:
        return msgspec.convert(data, _IN_JSON.get(datatype, _IN_JSON["F"]))
    except msgspec.ValidationError:
        raise _refusal(field, wanted) from None


def _from_bytes(tensor: Tensor, field: Field, content: memoryview) -> list[Any]:
    rows = tensor.shape[0]
    if tensor.datatype == "BYTES":
        return _texts(field, content, rows)
    kind = np.dtype(NUMBERS.get(tensor.datatype, "?"))
    if len(content) != rows * kind.itemsize:
        raise _refusal(field, f"{rows * kind.itemsize} bytes for its shape and datatype, found {len(content)}")
    if tensor.datatype == "BOOL" and bytes(content).strip(b"\0\1"):
        raise _refusal(field, "bytes of 0 or 1")
    return np.frombuffer(content, dtype=kind).tolist()


def _texts(field: Field, content: memoryview, rows: int) -> list[Any]:
    found: list[Any] = []
    at = 0
    for row in range(rows):
        begin = at + LENGTH.size
        if begin > len(content):
            raise _refusal(field, f"{rows} texts, each after its length, found {row}")
        at = begin + LENGTH.unpack_from(content, begin - LENGTH.size)[0]
        if at > len(content):
            raise _refusal(field, f"texts that end within its bytes; row {row} does not")
        try:
            found.append(str(content[begin:at], "utf-8"))
        except UnicodeDecodeError:
            raise _refusal(field, f"text in UTF-8; row {row} is not") from None
    if at != len(content):
        raise _refusal(field, f"no bytes after its {rows} texts")
    return found


def _floats(field: Field, found: Iterable[float | None]) -> list[Any]:
    """Return None for NaN; refuse infinity."""
    plain = [None if value != value else value for value in found]
    for row, value in enumerate(plain):
        if value in (_INFINITY, -_INFINITY):
            violation = describe_violation(field, value)
            text = f"Row {row}, field {field.wire_name}: {violation}."
            raise Refusal(Reason.INVALID_ROW, text, (Fault(row, field.wire_name, *violation),))
    return plain


def _refusal(field: Field, wanted: str) -> Refusal:
    return invalid_request(f"Input {field.wire_name}: expected {wanted}.")
