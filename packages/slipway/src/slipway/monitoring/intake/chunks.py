"""The chunk store: the log in columns, a folder for each block of a segment.

    .slipway/monitoring/ENV/chunks/<segment>.<start>-<end>/
      counts.json                what is in it, and the last bytes before <end>
      predictions-<n>.parquet    the rows of the release number n in counts.json
      shadow-<n>.parquet         the scores of the shadow number n
      outcomes.parquet

A folder is made under another name and renamed, so the names of all folders are the position of the reader: a run that
is killed loses at most the block it was reading.
"""

import gc
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from slipway.errors import DataError
from slipway.files.documents import read_json
from slipway.files.writing import new_folder, write_json
from slipway.monitoring.intake.block import BlockTables, read_block
from slipway.serving.log.writer import list_segments

COUNTS = "counts.json"
OUTCOMES = "outcomes.parquet"
# Bytes of a segment that one chunk holds: a few times that in memory while it is read.
BLOCK_BYTES = 4 << 20
# Enough to notice that a segment was written again up to where it had been read.
_TAIL_BYTES = 64
_NAME = re.compile(r"(?P<segment>.+)\.(?P<start>\d+)-(?P<end>\d+)")


class ChunkCounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of a chunk; `first` and `last` are times of its predictions, `tail` the last bytes that it covers."""

    models: tuple[str, ...]
    rows: tuple[int, ...]
    outcomes: int
    damaged: int
    foreign: int
    first: datetime | None
    last: datetime | None
    newest: datetime | None
    tail: str
    shadows: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """The block of a segment from `start` to `end` (exclusive), in bytes."""

    path: Path
    segment: str
    start: int
    end: int

    @property
    def counts(self) -> ChunkCounts:
        """Read what is in it."""
        return read_json(self.path / COUNTS, ChunkCounts, DataError, f"Remove {self.path}, then retry.")

    def predictions(self, number: int) -> Path:
        """Return the file with the rows of the release `number` of `counts.models`."""
        return self.path / f"predictions-{number}.parquet"

    def shadow(self, number: int) -> Path:
        """Return the file with the scores of the shadow `number` of `counts.shadows`."""
        return self.path / f"shadow-{number}.parquet"


def list_chunks(store: Path) -> list[Chunk]:
    """List the chunks of a store by segment and position."""
    found = ((path, _NAME.fullmatch(path.name)) for path in store.iterdir()) if store.is_dir() else ()
    chunks = [
        Chunk(path, match["segment"], int(match["start"]), int(match["end"]))
        for path, match in found
        if match and not path.name.endswith(".part") and not path.name.startswith(".")
    ]
    return sorted(chunks, key=lambda chunk: (chunk.segment, chunk.start, chunk.end))


def find_segments(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the segments of all folders by name; the longest copy of one that stands in several."""
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in list_segments(folder)):
        size = _size(path)
        if size is not None and (path.name not in found or size > (_size(found[path.name]) or 0)):
            found[path.name] = path
    return dict(sorted(found.items()))


def take_in(store: Path, segments: dict[str, Path], say: Callable[[int], None] = lambda _: None) -> int:
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
    """Return the number of bytes that `take_in` has yet to read."""
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
        end = start + len(content)
        _write_chunk(store / f"{name}.{start}-{end}", read_block(content), content[-_TAIL_BYTES:])
        say(len(content))
        start = end
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


def _write_chunk(path: Path, tables: BlockTables, tail: bytes) -> None:
    times = [table["time"] for table in tables.predictions.values()]
    ends = [pc.min_max(each).as_py() for each in times]
    newest = pc.max(tables.outcomes["time"]).as_py()
    last = max((each["max"] for each in ends), default=None)
    counts = ChunkCounts(
        models=tuple(tables.predictions),
        rows=tuple(map(len, tables.predictions.values())),
        outcomes=len(tables.outcomes),
        damaged=tables.damaged,
        foreign=tables.foreign,
        first=min((each["min"] for each in ends), default=None),
        last=last,
        newest=max((each for each in (last, newest) if each is not None), default=None),
        tail=tail.hex(),
        shadows=tuple(tables.shadows),
    )
    with new_folder(path) as folder:
        for number, table in enumerate(tables.predictions.values()):
            _write_table(table, folder / f"predictions-{number}.parquet")
        for number, table in enumerate(tables.shadows.values()):
            _write_table(table, folder / f"shadow-{number}.parquet")
        if len(tables.outcomes):
            _write_table(tables.outcomes, folder / OUTCOMES)
        write_json(folder / COUNTS, counts)


def _write_table(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=1, write_statistics=False)


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
