"""Take the code of a pull request's base commit out of git, to run it beside that of the working tree."""

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import GateError
from slipway.git import Git

CODE = "src"


def read_base_files(root: Path, base: str, *paths: str) -> dict[str, bytes]:
    """Return the content of every file of the commit `base` below `paths`, by its path from `root`."""
    done = Git(root, GateError).attempt("archive", "--format=tar", f"{base}:./", "--", *paths)
    if done.exit_code:
        raise GateError(f"Cannot read {', '.join(paths)} of the base {base}: {done.reason} Fetch that commit first.")
    with tarfile.open(fileobj=io.BytesIO(done.output)) as archive:
        return {each.name: _content(archive, each) for each in archive if each.isfile()}


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Yield a folder that has these files, and is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(folder)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""
