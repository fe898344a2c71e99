"""A sketch of the distinct rows of a day: the smallest hashes with their counts.

A bottom-k sketch (Cohen and Kaplan, Summarizing data using bottom-k sketches, PODC 2007): the kept hashes are an even
sample of the distinct rows, each with its exact count, so shares of repeated rows are estimated in constant memory, and
are exact for days of at most `KEPT` distinct rows.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = 1024
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FINISH = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)


class Sketch(NamedTuple):
    """The smallest hashes of distinct rows in order, and how many rows have each."""

    hashes: NDArray[np.uint64]
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Return the rows behind the kept hashes."""
        return int(self.counts.sum())

    @property
    def repeated(self) -> int:
        """Return how many of them repeat another."""
        return self.rows - len(self.hashes)


def hash_columns(columns: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    """Hash rows of numbers, timestamps or codes; equal rows have equal hashes in every process."""
    hashes = np.zeros(len(columns[0]), dtype=np.uint64)
    for values in columns:
        # One pattern for -0.0 and 0.0; of NaN numpy makes one pattern.
        plain = (values + 0.0 if values.dtype.kind == "f" else values).view(np.uint64)
        hashes ^= plain
        hashes *= _MIX
        hashes ^= hashes >> _HALF
    hashes *= _FINISH
    hashes ^= hashes >> _HALF
    return hashes


def sketch_rows(hashes: NDArray[np.uint64]) -> Sketch:
    """Sketch rows by their hashes."""
    share, found = 4 * KEPT, hashes
    while share < len(hashes):
        # Only hashes below a bound are sorted: it is doubled until enough distinct ones lie below.
        bound = np.uint64(min(2.0**64 - 2048, share / len(hashes) * 2.0**64))
        found = hashes[hashes <= bound]
        if len(np.unique(found)) >= KEPT:
            break
        share, found = share * 4, hashes
    kept, counts = np.unique(found, return_counts=True)
    return Sketch(kept[:KEPT], counts[:KEPT].astype(np.int64))


def repeated_share(sketch: Sketch, earlier: Sketch) -> float:
    """Estimate the share of distinct rows that the `earlier` rows had too; NaN where there are none."""
    bounds = [part.hashes[-1] for part in (sketch, earlier) if len(part.hashes) == KEPT]
    found = sketch.hashes[sketch.hashes <= min(bounds)] if bounds else sketch.hashes
    return float(np.isin(found, earlier.hashes).mean()) if len(found) else float("nan")
