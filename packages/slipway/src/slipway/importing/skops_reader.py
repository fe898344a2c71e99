"""Read a skops file into the same nodes as a pickle: its schema is JSON, and nothing of it is loaded."""

import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.errors import ModelError, first_line
from slipway.importing.nodes import Imported, Made
from slipway.importing.pickle_reader import PickleContent

_SCHEMA = "schema.json"
# Bytes of one file in the archive.
_MOST = 1 << 28
_PLAIN = ("JsonNode", "ListNode", "TupleNode", "SetNode", "DictNode", "NdArrayNode")
# What Python and numpy have anyway; JSON writes the keys of a dict as text.
_OWN = {Imported("builtins", name) for name in ("str", "list", "tuple", "set", "dict")} | {Imported("numpy", "ndarray")}
_MALFORMED = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # encrypted, compressed in an unknown way, too deep
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)
_KEYS: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "bool": lambda text: text == "True"}


def read_skops(content: bytes, where: str) -> PickleContent:
    """Read a skops file; raises `ModelError` for another archive, and for one that is malformed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if _SCHEMA not in archive.namelist():
                raise ModelError(
                    f"{where} is a zip archive without {_SCHEMA}, so skops did not write it. Expected a file of "
                    "pickle, joblib or skops with one scikit-learn, XGBoost or LightGBM estimator or pipeline."
                )
            reader = _SkopsReader(archive)
            schema = json.loads(_read(archive, _SCHEMA))
            root = reader.read(schema)
            reader.note_names(schema)
            return PickleContent(root, reader.imports)
    except _MALFORMED as error:
        raise ModelError(f"Cannot read {where} as a skops file: {first_line(error)} Nothing of it was run.") from error


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        found = file.read(_MOST + 1)
    if len(found) > _MOST:
        raise ValueError(f"{name} has more than {_MOST >> 20} MB")
    return found


class _SkopsReader:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._known: dict[int, Any] = {}
        self.imports: dict[Imported, bool] = {}

    def read(self, node: dict[str, Any]) -> Any:
        """Return the value or object of a node of the schema."""
        loader = node["__loader__"]
        if loader == "CachedNode":
            return self._known[node["__id__"]]
        found = self._read_known(loader, node) if loader in _PLAIN else self._read_named(loader, node)
        self._known[node.get("__id__", 0)] = found
        return found

    def note_names(self, node: Any) -> None:
        """Note what `read` has no use for and skops would import: types of keys, arguments of a call."""
        if isinstance(node, dict) and "__loader__" in node and node["__loader__"] != "CachedNode":
            kind = _find_name(node)
            if kind not in _OWN:
                self.imports.setdefault(kind, False)
        if isinstance(node, dict | list):
            for each in node.values() if isinstance(node, dict) else node:
                self.note_names(each)

    def _read_known(self, loader: str, node: dict[str, Any]) -> Any:
        if (kind := Imported(node["__module__"], node["__class__"])) not in _OWN:
            self.imports[kind] = self.imports.get(kind, False) or loader != "NdArrayNode"
        if node.get("type") == "numpy":
            return np.load(io.BytesIO(_read(self._archive, node["file"])), allow_pickle=False)
        content = node["content"]
        if loader == "JsonNode":
            return json.loads(content)
        if loader == "DictNode":
            keys = [_KEYS.get(each["__class__"], str) for each in node["key_types"]["content"]]
            return {of(key): self.read(value) for of, (key, value) in zip(keys, content.items(), strict=True)}
        items = [self.read(each) for each in content]
        return {"TupleNode": tuple, "SetNode": frozenset}.get(loader, list)(items)

    def _read_named(self, loader: str, node: dict[str, Any]) -> Any:
        """Return an object, or a name; whatever stands inside of it is read too, so that its names are noted."""
        name, content = _find_name(node), node.get("content")
        is_name = loader in ("TypeNode", "FunctionNode")
        self.imports[name] = self.imports.get(name, False) or not is_name
        if is_name:
            return name
        nodes = content if isinstance(content, dict) else {"content": content}
        if "__loader__" in nodes:
            return Made(name, (), self.read(nodes))
        state = {key: self.read(each) for key, each in nodes.items() if isinstance(each, dict) and "__loader__" in each}
        return Made(name, (), state)


def _find_name(node: dict[str, Any]) -> Imported:
    """Return the name that a node stands for; an older skops wrote that of a function into its content."""
    content = node.get("content")
    if node["__loader__"] == "FunctionNode" and isinstance(content, dict):
        return Imported(content["module_path"], content["function"])
    return Imported(node["__module__"], node["__class__"])
