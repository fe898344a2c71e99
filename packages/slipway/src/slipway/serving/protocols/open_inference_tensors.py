"""Tensors of the Open Inference Protocol v2: read one column of values from JSON or bytes, and write values as bytes.

Every length is compared with the bytes received before anything is allocated.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from slipway.contract import Field, Kind
from slipway.serving.api.rows import to_integer
from slipway.serving.problems import Fault, Reason, Refusal
from slipway.serving.protocols.open_inference_documents import Tensor
from slipway.violations import describe_violation

_NUMPY = {
    "FP64": "<f8",
    "FP32": "<f4",
    "FP16": "<f2",
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
}
_IN_JSON: dict[str, Any] = {
    **dict.fromkeys(("FP64", "FP32", "FP16"), list[float | None]),
    **{
        f"INT{bits}": list[Annotated[int, Meta(ge=-(1 << bits - 1), le=(1 << bits - 1) - 1)] | None]
        for bits in (8, 16, 32, 64)
    },
    **{f"UINT{bits}": list[Annotated[int, Meta(ge=0, le=(1 << bits) - 1)] | None] for bits in (8, 16, 32)},
    "UINT64": list[Annotated[int, Meta(ge=0)] | None],
    "BOOL": list[bool | None],
    "BYTES": list[str | None],
}
_NUMBERS = tuple(_NUMPY)
_TAKEN = {
    Kind.NUMBER: _NUMBERS,
    Kind.INTEGER: _NUMBERS,
    Kind.BOOLEAN: ("BOOL", "BYTES"),
    Kind.CATEGORY: ("BYTES",),
    Kind.TIMESTAMP: ("BYTES",),
}
_TRUTH = {"true": True, "false": False}
_INFINITY = float("inf")
_LENGTH = struct.Struct("<I")


def read_tensor(tensor: Tensor, field: Field, content: memoryview | None) -> list[Any]:
    """Read the plain values of one field, None for missing; `content` are its bytes, None where the JSON has the data.

    Raises `Refusal` (422) for a type that does not fit the field, and data that do not fit the shape.
    """
    if tensor.datatype not in _TAKEN[field.kind]:
        raise _refusal(field, f"the datatype {' or '.join(_TAKEN[field.kind])}, found another")
    found = _from_json(tensor, field) if content is None else _from_bytes(tensor, field, content)
    if tensor.datatype.startswith("FP"):
        return _floats(field, found)
    if tensor.datatype == "BYTES" and field.nullable:
        found = [value or None for value in found]
    if tensor.datatype == "BYTES" and field.kind is Kind.BOOLEAN:
        return [value and _TRUTH.get(value.lower(), value) for value in found]
    return found


def encode_tensor(datatype: str, found: Sequence[Any]) -> bytes:
    """Write an output as bytes: numbers one after the other, little-endian; texts each after their length."""
    if datatype == "BYTES":
        texts = [text.encode() for text in found]
        return b"".join([part for text in texts for part in (_LENGTH.pack(len(text)), text)])
    return np.array(found, dtype="?" if datatype == "BOOL" else _NUMPY[datatype]).tobytes()


def _from_json(tensor: Tensor, field: Field) -> list[Any]:
    data = tensor.data
    rows = tensor.shape[0]
    if isinstance(data, list) and len(tensor.shape) == 2 and any(isinstance(value, list) for value in data):
        if not all(isinstance(value, list) and len(value) == 1 for value in data):
            raise _refusal(field, "data nested as the shape says, or not at all")
        data = [value for (value,) in data]
    if not isinstance(data, list) or len(data) != rows:
        raise _refusal(field, f"data as an array of {rows} values, as the shape says")
    if tensor.datatype.startswith(("INT", "UINT")):
        # JSON has one kind of number: 7.0 is an integer, too.
        data = [to_integer(value) for value in data]
    try:
        found: list[Any] = msgspec.convert(data, _IN_JSON[tensor.datatype])
    except msgspec.ValidationError:
        raise _refusal(field, f"data of the datatype that it declares, {tensor.datatype}, or null") from None
    return found


def _from_bytes(tensor: Tensor, field: Field, content: memoryview) -> list[Any]:
    rows = tensor.shape[0]
    if tensor.datatype == "BYTES":
        return _texts(field, content, rows)
    kind = np.dtype("?" if tensor.datatype == "BOOL" else _NUMPY[tensor.datatype])
    if len(content) != rows * kind.itemsize:
        raise _refusal(field, f"{rows * kind.itemsize} bytes for its shape and datatype, found {len(content)}")
    if tensor.datatype == "BOOL" and bytes(content).strip(b"\0\1"):
        raise _refusal(field, "bytes of 0 or 1")
    return np.frombuffer(content, dtype=kind).tolist()


def _texts(field: Field, content: memoryview, rows: int) -> list[Any]:
    found: list[Any] = []
    at = 0
    for _ in range(rows):
        begin = at + _LENGTH.size
        if begin > len(content):
            raise _refusal(field, f"{rows} texts, each after its length, found {len(found)}")
        at = begin + _LENGTH.unpack_from(content, begin - _LENGTH.size)[0]
        if at > len(content):
            raise _refusal(field, f"texts that end within its bytes; row {len(found)} does not")
        try:
            found.append(str(content[begin:at], "utf-8"))
        except UnicodeDecodeError:
            raise _refusal(field, f"text in UTF-8; row {len(found)} is not") from None
    if at != len(content):
        raise _refusal(field, f"no bytes after its {rows} texts")
    return found


def _floats(field: Field, found: Iterable[float | None]) -> list[Any]:
    """Return None for NaN, an integer for a whole float of an integer field; refuse infinity."""
    plain = [None if value != value else value for value in found]
    for infinite in (_INFINITY, -_INFINITY):
        if infinite in plain:
            row, violation = plain.index(infinite), describe_violation(field, infinite)
            text = f"Row {row}, field {field.name}: {violation}."
            raise Refusal(Reason.INVALID_ROW, text, (Fault(row, field.name, *violation),))
    return [to_integer(value) for value in plain] if field.kind is Kind.INTEGER else plain


def _refusal(field: Field, wanted: str) -> Refusal:
    return Refusal(Reason.INVALID_REQUEST, f"Input {field.name}: expected {wanted}.")
