"""Take segments of the log into the chunk store, each byte once, in blocks of complete lines."""

import gc
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from slipway.monitoring.intake.block import read_block
from slipway.monitoring.intake.bucket import BucketSegment, list_bucket
from slipway.monitoring.intake.chunks import Chunk, list_chunks, write_chunk
from slipway.serving.log.segments import list_segments

# Bytes of a segment that one chunk holds: a few times that in memory while it is read.
BLOCK_BYTES = 4 << 20
# A folder, or the address s3://BUCKET/PREFIX.
LogSource = Path | str


class FileSegment(NamedTuple):
    """A segment in a folder; the version of its content is not known."""

    path: Path
    version: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def size(self) -> int:
        """Its size in bytes, 0 if it is gone."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def open(self) -> BinaryIO:
        """Open it for reading; raises `FileNotFoundError`."""
        return self.path.open("rb")


Segment = FileSegment | BucketSegment


def find_segments(sources: Sequence[LogSource]) -> dict[str, Segment]:
    """Return the segments of all sources by name; the longest copy of one that stands in several."""
    found: dict[str, Segment] = {}
    for segment in (segment for source in sources for segment in _list_segments(source)):
        if segment.name not in found or segment.size > found[segment.name].size:
            found[segment.name] = segment
    return dict(sorted(found.items()))


def _list_segments(source: LogSource) -> Sequence[Segment]:
    return list_bucket(source) if isinstance(source, str) else [FileSegment(path) for path in list_segments(source)]


def take_in_segments(store: Path, segments: dict[str, Segment], say: Callable[[int], None] = lambda _: None) -> int:
    """Read what the store does not have yet, and return how many segments end in an incomplete line.

    `say` gets the number of bytes after each block. A segment that was written again, or is shorter than what was read
    of it, is read again from its start.
    """
    known: dict[str, list[Chunk]] = {}
    for chunk in list_chunks(store):
        known.setdefault(chunk.segment, []).append(chunk)
    incomplete = 0
    with _without_garbage_collection():
        for name, segment in segments.items():
            chunks = known.get(name, [])
            if _is_known(segment, chunks):
                continue
            try:
                with segment.open() as file:
                    start = _resume(file, chunks)
                    incomplete += _take_segment(store, segment, file, start, say)
            except FileNotFoundError:
                # The service deleted it, past its days, after it was listed.
                continue
    return incomplete


def remove_expired(store: Path, segments: dict[str, Segment], oldest: datetime) -> None:
    """Remove chunks whose segment is gone and whose newest entry is older than `oldest`, as the log does."""
    for chunk in list_chunks(store):
        if chunk.segment not in segments and (chunk.counts.newest or datetime.min.replace(tzinfo=UTC)) < oldest:
            shutil.rmtree(chunk.path)


def count_new_bytes(store: Path, segments: dict[str, Segment]) -> int:
    """Return the number of bytes that `take_in_segments` has yet to read."""
    read: dict[str, int] = {}
    for chunk in list_chunks(store):
        read[chunk.segment] = max(chunk.end, read.get(chunk.segment, 0))
    return sum(max(0, segment.size - read.get(name, 0)) for name, segment in segments.items())


def _is_known(segment: Segment, chunks: list[Chunk]) -> bool:
    """Return True if the chunks hold all of this version of a segment, so that it need not be opened."""
    if not segment.version or not chunks or chunks[-1].end != segment.size:
        return False
    ends = [0, *(chunk.end for chunk in chunks)]
    return [chunk.start for chunk in chunks] == ends[:-1] and chunks[-1].counts.version == segment.version


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


def _take_segment(store: Path, segment: Segment, file: BinaryIO, start: int, say: Callable[[int], None]) -> int:
    """Write the chunks of a segment after `start`; return 1 if an incomplete line follows, else 0."""
    file.seek(start)
    for content in _blocks(file):
        if not content.endswith(b"\n"):
            return 1
        write_chunk(store, segment.name, start, content, read_block(content), segment.version)
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
        end = rest.rfind(b"\n") + 1
        if rest.endswith(b"\n\n", 0, end) or end == 1:
            kept = rest[:end].rstrip(b"\n")
            end = len(kept) + 1 if kept else 0
        if end:
            yield rest[:end]
            rest = rest[end:]
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
