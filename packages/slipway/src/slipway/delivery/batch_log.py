"""Log the rows of a batch run as a service logs its requests, so that the monitor reads both in the same way.

A run is one segment, whose name begins with the time of the run and ends with a digest of the release and of what was
read. The same table scored again by the same release replaces its segment, with the same identifiers: its rows count
once, and outcomes that came meanwhile stay theirs.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle import Bundle
from slipway.columns import Columns, columns_to_rows, count_rows, take_rows
from slipway.errors import DeliveryError
from slipway.files.writing import new_file
from slipway.serving.identifiers import format_identifier, format_identifiers, number_identifier
from slipway.serving.log import Batch
from slipway.serving.log.retention import Retention
from slipway.serving.log.segments import SUFFIX, list_segments
from slipway.serving.settings import LogSettings

_TIME = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6}Z)-([0-9a-f]{8})\.jsonl")
# Rows of a line, at most as many as a service takes in a request.
_ROWS = 1000


class BatchLog:
    """The segment of one run, which `open_batch_log` puts in place when the run is complete."""

    def __init__(self, file: IO[bytes], bundle: Bundle, began: datetime, mark: bytes, *, inputs: bool) -> None:
        self._file, self._bundle, self._began, self._inputs = file, bundle, began, inputs
        self._next = number_identifier(int(began.timestamp() * 1000), mark)
        self._clock = time.perf_counter()

    def append(self, columns: Columns, scores: NDArray[np.float64]) -> list[str]:
        """Log rows with their scores; return their identifiers."""
        first = self._next
        for start in range(0, count_rows(columns), _ROWS):
            part = slice(start, start + _ROWS)
            self._write(take_rows(columns, part), scores[part])
        return format_identifiers(first, len(scores))

    def _write(self, columns: Columns, scores: NDArray[np.float64]) -> None:
        now = time.perf_counter()
        entry = Batch(
            id=format_identifier(self._next),
            time=self._began,
            model=self._bundle.digest,
            latency_us=round((now - self._clock) * 1e6),
            scores=scores.tolist(),
            labels=self._bundle.label(scores).tolist() if self._bundle.manifest.classes else None,
            inputs=columns_to_rows(self._bundle.fields, columns) if self._inputs else None,
        )
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._next, self._clock = self._next + len(scores), now


@contextmanager
def open_batch_log(
    settings: LogSettings, bundle: Bundle, read: Mapping[str, str], began: datetime
) -> Iterator[BatchLog]:
    """Yield the log of a run that reads files of these hashes; its segment is there if the block ends well.

    Files past SLIPWAY_LOG_DAYS or above SLIPWAY_LOG_TOTAL_MB are then deleted; raises `DeliveryError` for one that
    cannot be.
    """
    mark = hashlib.sha256("\n".join([bundle.digest, *sorted(read.values())]).encode()).digest()
    name = mark.hex()[:8]
    for path in list_segments(settings.log):
        if (found := _NAME.fullmatch(path.name)) and found[2] == name:
            began = datetime.strptime(found[1], _TIME).replace(tzinfo=UTC)
    with (
        new_file(settings.log / f"{began:{_TIME}}-{name}{SUFFIX}", 0o640) as temporary,
        temporary.open("wb") as file,
    ):
        yield BatchLog(file, bundle, began, mark, inputs=settings.log_inputs == "all")
    if failures := Retention(settings).clean():
        raise DeliveryError(f"The log of the run is written. {failures[0]}.")
