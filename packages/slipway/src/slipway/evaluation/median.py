"""Compute the median absolute error exactly in every resample."""

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import Measure

# The sorted errors are cut into this many stretches: a matrix product finds the stretch with the median, and only its
# rows are counted one by one.
_STRETCHES = 32
# Cells of (resample, row) held at once: 8 MB.
_CELLS = 1 << 20


def median_absolute_error(scored: Scored) -> Measure:
    """Measure the median of the absolute errors, the mean of the two middle ones where rows are even in number."""
    errors = np.abs(scored.scores - scored.target)
    order = np.argsort(errors, kind="stable")
    errors, group = errors[order], scored.group[order]
    stretch = -(-len(errors) // _STRETCHES)
    cells = group * _STRETCHES + np.arange(len(errors)) // stretch
    rows = np.bincount(cells, minlength=scored.groups * _STRETCHES).reshape(scored.groups, _STRETCHES)

    def measure(weights: Vector) -> dict[str, Vector]:
        running = np.cumsum(weights @ rows, axis=1)
        total = running[:, -1]
        # Ranks count from zero; a resample without rows has no median.
        middle = [
            _ranked(errors, group, stretch, weights, running, rank)
            for rank in (np.floor((total - 1) / 2), np.floor(total / 2))
        ]
        return {"median_absolute_error": np.where(total > 0, sum(middle) / 2, np.nan)}

    return measure


def _ranked(
    errors: Vector, group: NDArray[np.intp], stretch: int, weights: Vector, running: Vector, rank: Vector
) -> Vector:
    """Return the error of the given rank in every resample; `running` counts its rows up to the end of each stretch."""
    inside = np.minimum((running <= rank[:, None]).sum(axis=1), _STRETCHES - 1)
    before = np.where(inside > 0, running[np.arange(len(rank)), inside - 1], 0)
    found = np.empty(len(rank))
    step = max(1, _CELLS // stretch)
    for start in range(0, len(rank), step):
        some = slice(start, start + step)
        rows = np.minimum(inside[some, None] * stretch + np.arange(stretch), len(errors) - 1)
        counts = np.take_along_axis(weights[some], group[rows], axis=1)
        passed = (np.cumsum(counts, axis=1) <= (rank - before)[some, None]).sum(axis=1)
        found[some] = errors[rows[np.arange(len(rows)), np.minimum(passed, stretch - 1)]]
    return found
