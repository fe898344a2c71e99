"""Refuse ONNX files that would make the runtime open other files.

A tensor may keep its values outside the model, under a path that the model names. A sealed bundle has no other
files, so any such tensor is refused before the runtime sees it. This walks the protobuf wire format with the field
numbers of onnx.proto, because the serving image has no onnx package.
"""

from collections.abc import Iterator

from slipway.errors import BundleError

# message -> {field number: message of that field}, for every way from a model to its tensors.
_CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def refuse_external_data(model: bytes) -> None:
    """Raise `BundleError` if `model` is malformed, or has a tensor whose values are in another file."""
    try:
        external = _has_external("model", memoryview(model))
    except (IndexError, ValueError, RecursionError) as error:
        raise BundleError("model.onnx is truncated or malformed. Train the model again.") from error
    if external:
        raise BundleError("model.onnx has tensors in external data, outside of the bundle, so it is not loaded.")


def _has_external(message: str, content: memoryview) -> bool:
    for number, value in _fields(content):
        if message == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                return True
        elif (
            (child := _CHILDREN[message].get(number)) and isinstance(value, memoryview) and _has_external(child, value)
        ):
            return True
    return False


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        if not 8 <= tag < 1 << 32:
            # The runtime would cut the tag to 32 bits and see another field than this does.
            raise ValueError(f"tag {tag}")
        match tag & 7:
            case 0:
                value, position = _varint(content, position)
                yield tag >> 3, value
            case 1:
                position += 8
            case 2:
                length, start = _varint(content, position)
                position = start + length
                yield tag >> 3, content[start:position]
            case 5:
                position += 4
            case other:
                raise ValueError(f"wire type {other}")
    if position != len(content):
        raise ValueError("truncated")


def _varint(content: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("varint of more than ten bytes")
