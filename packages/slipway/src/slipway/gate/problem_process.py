"""Read the team's problem in a process of its own: `contract.py`, `problem.py` and what they import never run here."""

import sys
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.isolation.child import SMALL, Child
from slipway.bundle.isolation.wire import PackedArray, pack_array, unpack_array
from slipway.data.prepared import read_part
from slipway.errors import ProblemError
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.problem import ProblemFacts
from slipway.project import load_project

_HOST = "slipway.gate.problem_process:ProblemHost"
# What the problem's process imports in any case.
PRELOAD = "onnxruntime pandas pyarrow.parquet slipway.gate.problem_process"
# Bytes of the positions of one row in all slices, and the seconds in which a slow machine imports a problem.
_SLICED, _IMPORTS = 2048, 120.0


class ProblemStart(msgspec.Struct, frozen=True):
    """The folder of the project, its package, and where modules are looked for."""

    root: str
    package: str
    path: tuple[str, ...]


class PackedSlice(msgspec.Struct, frozen=True):
    """One label of one slice, and the positions of its rows."""

    slice: str
    label: str
    rows: PackedArray


class ProblemProcess:
    """The problem `package` of the project at `root`, loaded in a child process that ends with this object."""

    def __init__(self, root: Path, package: str) -> None:
        root = root.resolve()
        start = ProblemStart(str(root), package, tuple(str(Path(place).resolve()) for place in sys.path))
        self._child = Child(_HOST, start, preload=PRELOAD, whose=f"The problem {package}", patience=_IMPORTS)

    def read_facts(self) -> ProblemFacts:
        """Return what the problem says about itself."""
        return self._child.ask("facts", None, ProblemFacts)

    def cut_holdout(self, rows: int) -> tuple[SlicePart, ...]:
        """Cut the holdout of `rows` rows by the problem's slices; raises `ProblemError` for rows that are not there."""
        found = self._child.ask("slices", None, tuple[PackedSlice, ...], SMALL + rows * _SLICED)
        return tuple(SlicePart(each.slice, each.label, _positions(each, rows)) for each in found)


class ProblemHost:
    """The child's half: the loaded project, and answers in plain data."""

    def __init__(self, payload: msgspec.Raw) -> None:
        start = msgspec.msgpack.decode(payload, type=ProblemStart)
        sys.path[:] = start.path
        self._root = Path(start.root)
        self._problem = load_project(self._root).problem

    def facts(self, _: msgspec.Raw) -> ProblemFacts:
        """Describe the problem."""
        return ProblemFacts(name=self._problem.name, task=self._problem.task, metric=self._problem.metric)

    def slices(self, _: msgspec.Raw) -> list[PackedSlice]:
        """Cut the prepared holdout."""
        parts = cut_slices(self._problem.slices, read_part(self._root / "prepared", "holdout"))
        return [PackedSlice(part.slice, part.label, pack_array(part.rows)) for part in parts]


def _positions(found: PackedSlice, rows: int) -> NDArray[np.intp]:
    positions = np.asarray(unpack_array(found.rows), dtype=np.intp)
    if positions.ndim != 1 or ((positions < 0) | (positions >= rows)).any():
        raise ProblemError(f"The slice {found.slice!r}: expected positions of {rows:,} rows, found others.")
    return positions
