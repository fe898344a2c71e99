"""A verified bundle whose code runs in a child process: it scores as a loaded one does, and is never imported here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.isolation.bundle_messages import AloneScores, BundleFacts, BundleStart, RequestsTaken, RowsRead
from slipway.bundle.isolation.child_process import PATIENCE, SMALL, ChildProcess
from slipway.bundle.isolation.state import State, is_same_state
from slipway.bundle.isolation.wire import PackedArray, PackedColumns, pack_columns, unpack_array, unpack_columns
from slipway.bundle.manifest import Manifest
from slipway.bundle.verify import SealedBundle
from slipway.columns import Columns, count_rows
from slipway.errors import BundleError, ScoringError
from slipway.problem import Task

_WORKER = "slipway.bundle.isolation.bundle_worker:BundleWorker"
# Bytes of one value of an answer, with room; rows that a slow bundle scores in a second.
_BYTES, _ROWS_PER_SECOND = 32, 500
_LOOK = "Look at contract.py and features.py."


class IsolatedBundle:
    """One verified bundle in a child process of its own; made by `isolate_bundle`. The child ends with this object."""

    def __init__(self, sealed: SealedBundle, child: ChildProcess) -> None:
        self._child = child
        facts = child.ask("facts", None, BundleFacts, SMALL * 8)
        self.path: Path = sealed.path
        self.digest: str = sealed.digest
        self.manifest: Manifest = sealed.manifest
        self.sealed = sealed
        self.fields = facts.fields
        self.golden_rows = facts.golden
        self._state = facts.state

    def score(self, columns: Columns) -> NDArray[np.float64]:
        """Score the contract's columns as `Bundle.score` does; raises `BundleError` for an answer of another shape."""
        rows = count_rows(columns)
        most = SMALL + rows * self._width * _BYTES
        found = unpack_array(
            self._child.ask("score", pack_columns(columns), PackedArray, most, rows / _ROWS_PER_SECOND)
        )
        return self._scores(found, rows)

    def score_in_batches(self, columns: Columns) -> NDArray[np.float64]:
        """Score the columns in batches of `USUAL_SIZES`, then of every size: one row, two, three and so on."""
        rows = count_rows(columns)
        most = SMALL + rows * self._width * _BYTES
        found = self._child.ask("score_in_batches", pack_columns(columns), PackedArray, most, rows / 10)
        return self._scores(unpack_array(found), rows)

    def is_as_started(self) -> bool:
        """Return whether the bundle's code keeps what it kept before the first call: no call has left a trace."""
        return is_same_state(self._state, self._child.ask("state", None, State, SMALL * 8))

    def score_alone(self, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score each row by itself, as the service does; returns the scores, and the seconds that each row took."""
        rows = count_rows(columns)
        most = SMALL + rows * (self._width + 1) * _BYTES
        found = self._child.ask("score_alone", pack_columns(columns), AloneScores, most, rows / 10)
        seconds = np.array(found.seconds, dtype=np.float64)
        if seconds.shape != (rows,):
            raise BundleError(f"{self.path}: expected the time of {rows:,} rows, found {len(seconds):,}.")
        return self._scores(unpack_array(found.scores), rows), seconds

    def derive(self, columns: Columns) -> Columns:
        """Apply the features that the model was trained with; text is limited to what its columns had."""
        rows = count_rows(columns)
        most = SMALL + rows * (len(self.manifest.inputs) + len(columns)) * _BYTES * 2
        found = unpack_columns(
            self._child.ask("derive", pack_columns(columns), PackedColumns, most, rows / _ROWS_PER_SECOND)
        )
        if any(values.shape != (rows,) for values in found.values()):
            raise BundleError(f"{self.path}: features.py must return {rows:,} values in each column.")
        return found

    def read_rows(self, columns: Columns) -> tuple[Columns, NDArray[np.intp], tuple[str, ...]]:
        """Read rows by the contract's own reader, from what a client sends, as the service does.

        Returns the columns of the rows that the contract takes, the positions of those that it refuses, and reasons.
        """
        rows = count_rows(columns)
        most = SMALL + rows * (len(columns) + 1) * _BYTES * 2
        found = self._child.ask("read_rows", pack_columns(columns), RowsRead, most, rows / _ROWS_PER_SECOND)
        refused = np.asarray(unpack_array(found.refused), dtype=np.intp)
        return unpack_columns(found.columns), refused, found.reasons

    def take_requests(self, rows: Sequence[bytes]) -> RequestsTaken:
        """Read rows as clients sent them, as JSON, by the contract, and score those that it takes."""
        return self._child.ask("take_requests", rows, RequestsTaken, patience=len(rows) / _ROWS_PER_SECOND)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    @property
    def _width(self) -> int:
        return max(1, len(self.manifest.classes))

    def _scores(self, found: NDArray[Any], rows: int) -> NDArray[np.float64]:
        shape = (rows, len(self.manifest.classes)) if self.manifest.task is Task.MULTICLASS else (rows,)
        if found.shape != shape or found.dtype != np.float64:
            raise BundleError(f"{self.path}: expected scores of shape {shape}, found {found.dtype} of {found.shape}.")
        if not np.isfinite(found).all():
            raise ScoringError(f"{self.path}: expected finite scores, found others.")
        return found


def isolate_bundle(sealed: SealedBundle, patience: float = PATIENCE, ahead: float = 0.0) -> IsolatedBundle:
    """Start a verified bundle in a child process, where its golden rows are scored.

    Where `ahead` is not 0, it runs under other conditions: its clock is ahead by so many seconds, it scores in threads,
    and new memory is not zero.

    Raises `BundleError` for code that fails, ends its process or does not answer within `patience` seconds, and
    `GoldenRowsError` where a golden row scores otherwise than when sealed.
    """
    start = BundleStart(str(sealed.path), sealed.digest, sealed.manifest, sealed.files, ahead)
    child = ChildProcess(
        _WORKER, start, preload="onnxruntime", source=str(sealed.path), advice=_LOOK, patience=patience
    )
    return IsolatedBundle(sealed, child)
