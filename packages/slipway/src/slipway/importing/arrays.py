"""Decode numpy's values from the nodes of a model file: dtypes, scalars and small arrays, without running the file."""

import re
from typing import Any

import numpy as np

from slipway.importing.nodes import Imported, Made

# Of records (V) and times only the size is needed, to find the end of an array.
_PLAIN = re.compile(r"[<>|=]?[biufcUSOVmM]\d*")
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_BUFFERS = ("numpy.core.numeric", "numpy._core.numeric")


def decode_value(node: Any) -> Any:
    """Return plain Python for a scalar or array of numpy, and any other node as it is; an array becomes a list."""
    if isinstance(node, np.ndarray):
        return node.tolist()
    if not isinstance(node, Made):
        return node
    module, name = node.kind.module, node.kind.name
    try:
        if (module, name) == ("_codecs", "encode"):
            return node.arguments[0].encode("latin1")
        if module in _NUMPY and name == "scalar":
            return _decode_scalar(*node.arguments)
        if module in _NUMPY and name == "_reconstruct":
            return _decode_state(*node.state[1:])
        if module in _BUFFERS and name == "_frombuffer":
            content, dtype, shape, order = node.arguments
            found = np.frombuffer(content, decode_dtype(dtype)).reshape(shape, order=order)
            return found.tolist()
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # Of another shape than numpy writes it: what it is remains unknown.
        return node
    return node


def decode_dtype(node: Any) -> np.dtype[Any] | None:
    """Return the dtype of a node, None for one of an extension."""
    if not isinstance(node, Made) or node.kind != Imported("numpy", "dtype"):
        return None
    code = node.arguments[0]
    if not isinstance(code, str) or not _PLAIN.fullmatch(code):
        return None
    found = np.dtype(code)
    return found.newbyteorder(node.state[1]) if isinstance(node.state, tuple) else found


def _decode_scalar(dtype: Any, content: Any = b"") -> Any:
    kind, content = decode_dtype(dtype), decode_value(content)
    return content if kind is None or kind.hasobject else np.frombuffer(content, kind)[0].item()


def _decode_state(shape: tuple[int, ...], dtype: Any, fortran: bool, content: Any) -> Any:
    kind = decode_dtype(dtype)
    if kind is None:
        raise ValueError("a dtype that is not plain")
    if kind.hasobject:
        if len(shape) != 1:
            raise ValueError("an array of objects with several axes")
        return list(content)
    order = "F" if fortran else "C"
    return np.frombuffer(decode_value(content), kind).reshape(shape, order=order).tolist()  # type: ignore[call-overload]
