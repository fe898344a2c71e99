"""Read the team's problem in a process of its own: `contract.py`, `problem.py` and what they import never run here."""

import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.isolation.child_process import SMALL, ChildProcess
from slipway.bundle.isolation.wire import PackedArray, pack_array, unpack_array
from slipway.data.prepared import read_part
from slipway.errors import ProblemError
from slipway.evaluation.slices import SlicePart, cut_slices
from slipway.problem import ProblemFacts, load_problem
from slipway.project import load_project

_WORKER = "slipway.gate.problem_process:ProblemWorker"
# What the problem's process imports in any case.
PRELOAD = "onnxruntime pandas pyarrow.parquet slipway.gate.problem_process"
# Bytes of the positions of one row in all slices, and the seconds in which a slow machine imports a problem.
_SLICED, _IMPORTS = 2048, 120.0
# Of the project, beside its package.
_READ = ("pyproject.toml", "params.yaml", "prepared")
_LOOK = "Look at problem.py and what it imports."


class ProblemStart(msgspec.Struct, frozen=True):
    """The folder of the project, its package, and where modules are looked for.

    `other` says that the package is that of another commit, which the parameters of this one may not fit.
    """

    root: str
    package: str
    path: tuple[str, ...]
    other: bool = False


class PackedSlice(msgspec.Struct, frozen=True):
    """One label of one slice, and the positions of its rows."""

    slice: str
    label: str
    rows: PackedArray


class PackedCut(msgspec.Struct, frozen=True):
    """The labels of all slices that can be cut, and the reason for each that cannot."""

    parts: tuple[PackedSlice, ...]
    uncut: dict[str, str]


class Cut(NamedTuple):
    """The parts of the holdout, and by the name of a slice the reason why it cannot be cut."""

    parts: tuple[SlicePart, ...]
    uncut: dict[str, str]


class ProblemProcess:
    """The problem `package` of the project at `root`, loaded in a child process that ends with this object.

    It is looked for in the project's `src` first, or in the folder `code`, which holds that of another commit.
    """

    def __init__(self, root: Path, package: str, code: Path | None = None) -> None:
        root = root.resolve()
        path = tuple(str(Path(place).resolve()) for place in (str(code or root / "src"), *sys.path))
        start = ProblemStart(str(root), package, path, other=code is not None)
        self._child = ChildProcess(
            _WORKER,
            start,
            preload=PRELOAD,
            source=f"The problem {package}",
            advice=_LOOK,
            patience=_IMPORTS,
            readable=[*path, *(str(root / name) for name in _READ)],
        )

    def read_facts(self) -> ProblemFacts:
        """Return what the problem says about itself."""
        return self._child.ask("facts", None, ProblemFacts)

    def cut_holdout(self, rows: int) -> Cut:
        """Cut the holdout of `rows` rows by the problem's slices.

        Raises `ProblemError` for rows that are not there, and for a slice of the working tree that cannot be cut.
        """
        found = self._child.ask("slices", None, PackedCut, SMALL + rows * _SLICED)
        return Cut(
            tuple(SlicePart(each.slice, each.label, _positions(each, rows)) for each in found.parts), found.uncut
        )


class ProblemWorker:
    """The child's half: the loaded project, and answers in plain data."""

    def __init__(self, payload: msgspec.Raw) -> None:
        start = msgspec.msgpack.decode(payload, type=ProblemStart)
        sys.path[:] = start.path
        self._root = Path(start.root)
        self._other = start.other
        self._problem = load_problem(start.package) if start.other else load_project(self._root).problem

    def facts(self, _: msgspec.Raw) -> ProblemFacts:
        """Describe the problem."""
        return ProblemFacts(name=self._problem.name, task=self._problem.task, metric=self._problem.metric)

    def slices(self, _: msgspec.Raw) -> PackedCut:
        """Cut the prepared holdout."""
        holdout = read_part(self._root / "prepared", "holdout")
        parts: list[SlicePart] = []
        uncut: dict[str, str] = {}
        for each in self._problem.slices:
            try:
                parts += cut_slices([each], holdout)
            except ProblemError as error:
                # The functions of another commit may ask for a column that this one renamed.
                if not self._other:
                    raise
                uncut[each.name] = str(error)
        return PackedCut(tuple(PackedSlice(part.slice, part.label, pack_array(part.rows)) for part in parts), uncut)


def _positions(found: PackedSlice, rows: int) -> NDArray[np.intp]:
    positions = np.asarray(unpack_array(found.rows), dtype=np.intp)
    if positions.ndim != 1 or ((positions < 0) | (positions >= rows)).any():
        raise ProblemError(f"The slice {found.slice!r}: expected positions of {rows:,} rows, found others.")
    return positions
