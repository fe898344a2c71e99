"""Cut the holdout by the slices that judge: in a pull request those of its base commit.

The functions of the base commit run in a process of their own, on the rows of the working tree. What differs in effect
is named: a slice that is gone, that is new, or that puts rows elsewhere.
"""

import io
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.errors import GateError
from slipway.evaluation.slices import SlicePart
from slipway.gate.problem_process import ProblemProcess
from slipway.git import Git

_CODE = "src"


class JudgedSlices(NamedTuple):
    """The parts of the holdout, `uncut` with the reason for each slice that cannot be cut, and what was `moved`."""

    parts: tuple[SlicePart, ...]
    uncut: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def cut_judged_slices(root: Path, package: str, own: ProblemProcess, rows: int, base: str | None) -> JudgedSlices:
    """Cut the holdout of `rows` rows by the slices of the working tree (`own`), or by those of the commit `base`."""
    ours = own.cut_holdout(rows).parts
    if base is None:
        return JudgedSlices(ours)
    files = _read_code(root, base)
    if _is_same(root / _CODE, files):
        return JudgedSlices(ours)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        parts, uncut = ProblemProcess(root, package, Path(folder)).cut_holdout(rows)
    reasons = tuple(f"slice {name} of {base}: {reason}" for name, reason in uncut.items())
    return JudgedSlices(parts, reasons, _moved(parts, ours, uncut, rows))


def _read_code(root: Path, base: str) -> dict[str, bytes]:
    """Return the content of every file of the base commit's `src` by its path there."""
    done = Git(root, GateError).attempt("archive", "--format=tar", f"{base}:./{_CODE}")
    if done.exit_code:
        raise GateError(f"Cannot read {_CODE} of the base {base}: {done.reason} Fetch that commit first.")
    with tarfile.open(fileobj=io.BytesIO(done.output)) as archive:
        return {each.name: _content(archive, each) for each in archive if each.isfile()}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _is_same(folder: Path, files: Mapping[str, bytes]) -> bool:
    ours = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    if ours != {name for name in files if name.endswith(".py")}:
        return False
    return all((folder / name).is_file() and (folder / name).read_bytes() == files[name] for name in files)


def _moved(
    before: Sequence[SlicePart], after: Sequence[SlicePart], uncut: Mapping[str, str], rows: int
) -> tuple[str, ...]:
    """Say what the working tree changes about the slices, by which rows have another label."""
    old, new = _labels(before, rows), _labels(after, rows)
    lines = [f"slice {name} is removed (judged all the same)" for name in (*old, *uncut) if name not in new]
    lines += [f"slice {name} is new (not judged before it is merged)" for name in new if name not in (*old, *uncut)]
    for name in old.keys() & new.keys():
        if differ := int((old[name] != new[name]).sum()):
            lines.append(f"slice {name} puts {differ:,} of {rows:,} held-out rows elsewhere (judged as before)")
    return tuple(sorted(lines))


def _labels(parts: Sequence[SlicePart], rows: int) -> dict[str, NDArray[np.object_]]:
    """Return the label of each row, by the name of the slice."""
    found: dict[str, NDArray[np.object_]] = {}
    for part in parts:
        found.setdefault(part.slice, np.full(rows, None, dtype=object))[part.rows] = part.label
    return found
