"""Cut the holdout by the slices that judge: in a pull request those of its base commit.

The functions of the base commit run in a process of their own, on the rows of the working tree. What differs in effect
is named: a slice that is gone, that is new, or that puts rows elsewhere.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.slices import SlicePart
from slipway.gate.base_code import CODE, read_base_files, unpacked
from slipway.gate.problem_process import ProblemProcess


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
    files = read_base_files(root, base, CODE)
    if _is_same(root, files):
        return JudgedSlices(ours)
    with unpacked(files) as folder:
        parts, uncut = ProblemProcess(root, package, folder / CODE).cut_holdout(rows)
    reasons = tuple(f"slice {name} of {base}: {reason}" for name, reason in uncut.items())
    return JudgedSlices(parts, reasons, _moved(parts, ours, uncut, rows))


def _is_same(root: Path, files: Mapping[str, bytes]) -> bool:
    ours = {path.relative_to(root).as_posix() for path in (root / CODE).rglob("*.py")}
    if ours != {name for name in files if name.endswith(".py")}:
        return False
    return all((root / name).is_file() and (root / name).read_bytes() == files[name] for name in files)


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
