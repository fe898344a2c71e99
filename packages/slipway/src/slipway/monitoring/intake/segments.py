"""Take segments of the log into the chunk store, each byte once, in blocks of complete lines."""

import gc
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from slipway.monitoring.intake.block import read_block
from slipway.monitoring.intake.chunks import Chunk, list_chunks, write_chunk
from slipway.serving.log.writer import list_segments

# Bytes of a segment that one chunk holds: a few times that in memory while it is read.
BLOCK_BYTES = 4 << 20


def find_segments(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the segments of all folders by name; the longest copy of one that stands in several."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in list_segments(folder)):
        size = _size(path)
        if size is not None and (path.name not in found or size > (_size(found[path.name]) or 0)):
            found[path.name] = path
    return dict(sorted(found.items()))


def take_in_segments(store: Path, segments: dict[str, Path], say: Callable[[int], None] = lambda _: None) -> int:
    """Read what the store does not have yet, and return how many segments end in an incomplete line.

    `say` gets the number of bytes after each block. A segment that was written again, or is shorter than what was read
    of it, is read again from its start.
    """
    known: dict[str, list[Chunk]] = {}
    for chunk in list_chunks(store):
        known.setdefault(chunk.segment, []).append(chunk)
    incomplete = 0
    with _without_garbage_collection():
        for name, path in segments.items():
            try:
                with path.open("rb") as file:
                    start = _resume(file, known.get(name, []))
                    incomplete += _take_segment(store, name, file, start, say)
            except FileNotFoundError:
                # The service deleted it, past its days, after it was listed.
                continue
    return incomplete


def remove_expired(store: Path, segments: dict[str, Path], oldest: datetime) -> None:
    """Remove chunks whose segment is gone and whose newest entry is older than `oldest`, as the log does."""
    for chunk in list_chunks(store):
        if chunk.segment not in segments and (chunk.counts.newest or datetime.min.replace(tzinfo=UTC)) < oldest:
            shutil.rmtree(chunk.path)


def count_new_bytes(store: Path, segments: dict[str, Path]) -> int:
    """Return the number of bytes that `take_in_segments` has yet to read."""
    read: dict[str, int] = {}
    for chunk in list_chunks(store):
        read[chunk.segment] = max(chunk.end, read.get(chunk.segment, 0))
    return sum(max(0, (_size(path) or 0) - read.get(name, 0)) for name, path in segments.items())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _resume(file: BinaryIO, chunks: list[Chunk]) -> int:
    """Return where to continue; chunks that do not continue each other, or that the file no longer has, are removed."""
    end = 0
    for chunk in chunks:
        if chunk.start != end or not _still_has(file, chunk):
            break
        end = chunk.end
    else:
        return end
    for chunk in chunks:
        shutil.rmtree(chunk.path)
    return 0


def _still_has(file: BinaryIO, chunk: Chunk) -> bool:
    tail = bytes.fromhex(chunk.counts.tail)
    file.seek(chunk.end - len(tail))
    return file.read(len(tail)) == tail


def _take_segment(store: Path, name: str, file: BinaryIO, start: int, say: Callable[[int], None]) -> int:
    """Write the chunks of a segment after `start`; return 1 if an incomplete line follows, else 0."""
    file.seek(start)
    for content in _blocks(file):
        if not content.endswith(b"\n"):
            return 1
        write_chunk(store, name, start, content, read_block(content))
        say(len(content))
        start += len(content)
    return 0


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield complete lines in blocks, then an incomplete last line if there is one.

    Empty lines at the end belong to no block: the service writes some as a test, and removes them.
    """
    rest = b""
    while read := file.read(BLOCK_BYTES):
        rest += read
        kept = rest[: rest.rfind(b"\n") + 1].rstrip(b"\n")
        if kept:
            yield rest[: len(kept) + 1]
            rest = rest[len(kept) + 1 :]
    if rest.strip():
        yield rest


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Hold the search for cycles while the block lasts: decoded lines have none, and are hundreds of thousands."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
