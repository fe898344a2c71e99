"""The chunk store: the log in columns, a folder for each block of a segment.

    .slipway/monitoring/ENV/chunks/<segment>.<start>-<end>/
      counts.json                what is in it, and the last bytes before <end>
      predictions-<n>.arrow      the rows of the release number n in counts.json
      shadow-<n>.arrow           the scores of the shadow number n
      outcomes.arrow

A folder is made under another name and renamed, so the names of all folders are the position of the reader: a run that
is killed loses at most the block it was reading.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from slipway.errors import DataError, first_line
from slipway.files.documents import read_json
from slipway.files.writing import new_folder, write_json
from slipway.monitoring.intake.block import BlockTables

COUNTS = "counts.json"
OUTCOMES = "outcomes.arrow"
# Enough to notice that a segment was written again up to where it had been read.
_TAIL_BYTES = 64
_NAME = re.compile(r"(?P<segment>.+)\.(?P<start>\d+)-(?P<end>\d+)")


class ChunkCounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of a chunk; `first` and `last` are times of its predictions, `tail` the last bytes that it covers.

    `version` is that of the segment that it was read from, "" where segments have none.
    """

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
    version: str = ""
    probes: int = 0


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
        return self.path / f"predictions-{number}.arrow"

    def shadow(self, number: int) -> Path:
        """Return the file with the scores of the shadow `number` of `counts.shadows`."""
        return self.path / f"shadow-{number}.arrow"


def list_chunks(store: Path) -> list[Chunk]:
    """List the chunks of a store by segment and position."""
    found = ((path, _NAME.fullmatch(path.name)) for path in store.iterdir()) if store.is_dir() else ()
    chunks = [
        Chunk(path, match["segment"], int(match["start"]), int(match["end"]))
        for path, match in found
        if match and not path.name.endswith(".part") and not path.name.startswith(".")
    ]
    return sorted(chunks, key=lambda chunk: (chunk.segment, chunk.start, chunk.end))


def write_chunk(store: Path, segment: str, start: int, content: bytes, tables: BlockTables, version: str = "") -> None:
    """Write the tables of a block of a `version` of a segment, `content`, that begins at the byte `start`."""
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
        tail=content[-_TAIL_BYTES:].hex(),
        shadows=tuple(tables.shadows),
        version=version,
        probes=tables.probes,
    )
    with new_folder(store / f"{segment}.{start}-{start + len(content)}") as folder:
        for number, table in enumerate(tables.predictions.values()):
            _write_table(table, folder / f"predictions-{number}.arrow")
        for number, table in enumerate(tables.shadows.values()):
            _write_table(table, folder / f"shadow-{number}.arrow")
        if len(tables.outcomes):
            _write_table(tables.outcomes, folder / OUTCOMES)
        write_json(folder / COUNTS, counts)


def read_stored_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a table of a chunk, or some of its columns; raises `DataError` that says how to make it again."""
    try:
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
    except MemoryError:  # one of pyarrow's too
        raise
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"Cannot read {path}: {first_line(error)} Remove the folder {path.parent}: it is made from the log again."
        ) from error
    return table if columns is None else table.select(columns)


def _write_table(table: pa.Table, path: Path) -> None:
    # Half the time of Parquet, to write and to read; a log of 600 bytes a row becomes 65.
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)
