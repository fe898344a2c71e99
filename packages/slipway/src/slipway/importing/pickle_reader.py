"""Read a pickle into plain nodes: every import and call that it asks for is noted, and none is made.

The machine of the pickle itself runs, Python's own, so that a name cannot hide behind the memo, nested calls or a
name put together on the stack: what it would import is what arrives at `find_class`.
"""

import io
import math
import pickle
import struct
import sys
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from slipway.errors import ModelError, first_line
from slipway.importing.arrays import decode_dtype
from slipway.importing.nodes import Imported, Made

# How Python 2 names two modules.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
# joblib writes an array as this object, and its bytes after it.
_WRAPPER = Imported("joblib.numpy_pickle", "NumpyArrayWrapper")
# Functions that call their first argument, a class.
_CALLING = (
    Imported("copyreg", "__newobj__"),
    Imported("copyreg", "_reconstructor"),
    Imported("pandas.core.indexes.base", "_new_Index"),
)
# Bytes of an array that is kept; longer ones (trees, training rows) are never parameters.
_KEPT = 1 << 20
_MALFORMED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


class PickleContent(NamedTuple):
    """The node that a pickle builds, and each name that it would import, with True where it would call it."""

    root: Any
    imports: dict[Imported, bool]


def read_pickle(content: bytes, where: str) -> PickleContent:
    """Read a pickle, also with the arrays of joblib; raises `ModelError` for one that is malformed."""
    reader = _PickleReader(io.BytesIO(content), {})
    try:
        return PickleContent(reader.load(), reader.imports)
    except _MALFORMED as error:
        raise ModelError(
            f"Cannot read {where} as a pickle: {type(error).__name__}: {first_line(error)} It is damaged, or was not "
            "written by pickle, joblib (0.10 or newer) or skops. Nothing of it was run."
        ) from error


# The class of the standard library that is written in Python, whose opcodes can be replaced.
class _PickleReader(pickle._Unpickler):
    """Python's unpickler, of which each opcode that would run something makes a node instead."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
    # What Python's class has and its stubs do not name.
    stack: list[Any]
    _unframer: Any

    def __init__(self, stream: io.BytesIO, imports: dict[Imported, bool]) -> None:
        super().__init__(stream)
        self.stream, self.imports = stream, imports

    def find_class(self, module: str, name: str) -> Imported:
        """Note an import."""
        found = Imported(_RENAMED.get(module, module), name)
        self.imports.setdefault(found, False)
        return found

    def get_extension(self, code: int) -> None:
        """Refuse a name that stands in a registry of the process that wrote the file."""
        raise pickle.UnpicklingError(f"the extension {code} names nothing here")

    def _make(self, function: Any, *arguments: Any) -> Made:
        if isinstance(function, Imported):
            self.imports[function] = True
        if function in _CALLING:
            self.imports.update({each: True for each in arguments[:2] if isinstance(each, Imported)})
        return Made(function, arguments)

    def _instantiate(self, klass: Any, arguments: Any) -> None:
        self.stack.append(self._make(klass, *arguments))

    def load_reduce(self) -> None:
        """Note the call of a function."""
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], *arguments)

    def load_newobj(self) -> None:
        """Note a new object."""
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], *arguments)

    def load_newobj_ex(self) -> None:
        """Note a new object with named arguments."""
        named = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = self._make(self.stack[-1], *arguments, named)

    def load_build(self) -> None:
        """Keep the state of an object, and read the array that follows it in a file of joblib."""
        state, made = self.stack.pop(), self.stack[-1]
        if not isinstance(made, Made):
            raise pickle.UnpicklingError(f"it changes a {type(made).__name__}, which is no object of its own")
        made.state = state
        if made.function == _WRAPPER:
            self.stack[-1] = self._read_array(state)

    def load_bytearray8(self) -> None:
        """Read a bytearray no longer than the file, whatever length it declares."""
        (size,) = struct.unpack("<Q", self._unframer.read(8))
        self.stack.append(bytearray(self._unframer.read(min(size, sys.maxsize))))

    def _read_array(self, state: dict[str, Any]) -> Any:
        """Read an array as `joblib.numpy_pickle.NumpyArrayWrapper.read_array` does; one of objects is a pickle."""
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise pickle.UnpicklingError("an array of joblib begins inside of a frame")
        self._unframer.current_frame = None
        dtype = decode_dtype(state["dtype"])
        if dtype is None:
            raise pickle.UnpicklingError("an array of joblib has a dtype of an extension")
        if dtype.hasobject:
            return _PickleReader(self.stream, self.imports).load()
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        shape = tuple(int(length) for length in state["shape"])
        size = math.prod(shape) * dtype.itemsize
        content = self.stream.read(size)
        if len(content) != size:
            raise EOFError("an array is cut off")
        order: Literal["F", "C"] = "F" if state["order"] == "F" else "C"
        return np.frombuffer(content, dtype).reshape(shape, order=order) if size <= _KEPT else Made(_WRAPPER, ())

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
