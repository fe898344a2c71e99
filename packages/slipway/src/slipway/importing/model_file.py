"""Open a model file: decompress it, find out who wrote it, and list what it would import, without running it."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from slipway.errors import ModelError
from slipway.files.documents import read_content
from slipway.importing.allowed_imports import list_foreign
from slipway.importing.nodes import Imported
from slipway.importing.pickle_reader import read_pickle
from slipway.importing.skops_reader import read_skops

# joblib compresses a whole file by one of these, which its first bytes tell.
_COMPRESSIONS: dict[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(31)),
    b"\x78": ("zlib", zlib.decompressobj),
    b"BZh": ("bz2", bz2.BZ2Decompressor),
    b"\xfd7zXZ": ("xz", lzma.LZMADecompressor),
    b"\x5d\x00": ("lzma", lzma.LZMADecompressor),
}
_UNREAD = {
    b"\x04\x22\x4d\x18": "compressed by lz4. Write it again with compress=3",
    b"ZF": "written by joblib before 0.10. Load it there, and write it again with a newer one",
    b"\x89HDF": "an HDF5 file, of Keras for instance, which is not exported",
}
# Bytes of a decompressed file: an archive of a megabyte may hold a thousand times as many.
_MOST = 2 << 30


class ModelFile(NamedTuple):
    """A model file that was read and not loaded: who wrote it, the names it would import, and the object it holds.

    `foreign` are the names beyond those of the libraries' own estimators; any of them may run whatever it likes.
    """

    path: Path
    written_by: str
    root: Any
    imports: tuple[Imported, ...]
    foreign: tuple[Imported, ...]


def read_model_file(path: Path) -> ModelFile:
    """Read a file of pickle, joblib or skops; raises `ModelError` for any other, and for one that is malformed."""
    content = read_content(path, ModelError, "Name a file of pickle, joblib or skops.")
    if content.startswith(b"PK\x03\x04"):
        written_by, found = "skops", read_skops(content, str(path))
    else:
        content, compression = _decompress(content, path)
        found = read_pickle(content, str(path))
        is_joblib = compression or Imported("joblib.numpy_pickle", "NumpyArrayWrapper") in found.imports
        written_by = ("joblib" + (f", {compression}" if compression else "")) if is_joblib else "pickle"
    return ModelFile(path, written_by, found.root, tuple(found.imports), list_foreign(found.imports))


def require_allowed_imports(file: ModelFile) -> None:
    """Raise `ModelError` for a file that would import more than estimators, with every name."""
    if not file.foreign:
        return
    raise ModelError(
        f"{file.path} would import what no estimator of scikit-learn, XGBoost or LightGBM needs, and may run anything "
        f"when it is loaded: {', '.join(map(str, file.foreign))}. Nothing of it was run. If these are classes of your "
        "own, repeat with --trust, which reads their parameters and still runs nothing of the file. A search: save its "
        "best_estimator_."
    )


def _decompress(content: bytes, path: Path) -> tuple[bytes, str]:
    for prefix, reason in _UNREAD.items():
        if content.startswith(prefix):
            raise ModelError(f"{path} is {reason}.")
    for prefix, (name, make) in _COMPRESSIONS.items():
        if content.startswith(prefix):
            stream = make()
            try:
                found = stream.decompress(content, _MOST)
            except (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error) as error:
                raise ModelError(f"Cannot decompress {path} ({name}): {error}. The file is damaged.") from error
            if not stream.eof:
                reason = f"has more than {_MOST >> 30} GB when decompressed" if len(found) >= _MOST else "is cut off"
                raise ModelError(f"{path} ({name}) {reason}. Write it again.")
            return found, name
    return content, ""
