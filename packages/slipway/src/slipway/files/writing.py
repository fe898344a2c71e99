"""Write files and folders so that a crash never leaves half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` under a temporary name beside `path`, then rename."""
    with new_file(path, mode) as temporary:
        temporary.write_bytes(content)


def encode_json(value: object) -> bytes:
    """Encode `value` as indented JSON with sorted keys and a final newline: the same bytes for the same value."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def write_json(path: Path, value: object) -> None:
    """Write `value` as `encode_json` encodes it."""
    write_bytes(path, encode_json(value))


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it becomes `path` if the block ends well, and is removed if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def private_file(path: Path) -> Iterator[TextIO]:
    """Yield a new file that its owner alone may read; it is removed if the block fails.

    Raises `FileExistsError` where something is at `path` already: a secret is never overwritten.
    """
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            yield file
        except BaseException:
            path.unlink()
            raise


@contextmanager
def new_folder(path: Path, mode: int = 0o755) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it replaces `path` if the block ends well, and is removed if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        yield temporary
        temporary.chmod(mode)
        # The old one is moved aside whole before it is removed: a crash leaves the old one, none, or the new one.
        aside = temporary.with_name(f"{temporary.name}.old.part")
        if path.exists():
            path.rename(aside)
        temporary.rename(path)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def point_link(link: Path, target: Path) -> None:
    """Let a link name `target`, by a path that is relative to its own folder; it moves by a rename."""
    fresh = link.with_name(f"{link.name}.part")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(target, link.parent))
    fresh.replace(link)
