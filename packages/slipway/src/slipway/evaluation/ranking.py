"""Compute the metrics of rows in order, exactly in every resample: ROC AUC, average precision, median absolute error.

The area is the share of pairs of a positive and a negative row in which the positive has the higher score, ties
counting half (Hanley and McNeil, Radiology 143, 1982). Average precision is the sum over thresholds of precision
times the recall gained, as in scikit-learn; equal scores are one threshold.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import Measure, group_sums, ratio

# Up to this many groups, or with this many rows for each pair of groups, a matrix of groups by groups is faster than
# sorted rows.
_MATRIX_GROUPS, _ROWS_A_PAIR = 512, 1 / 3
# Up to this many groups, a product with counts by group at each threshold is faster than a sweep of the rows.
_COUNTED_GROUPS = 256
# Thresholds at once: their counts in some thousand resamples have a few MB.
_THRESHOLDS = 512
# Counts below 2^24 are exact in float32; a resample has at most a few times the rows.
_EXACT_ROWS = 1 << 22
# Cells of (row, resample) held at once: 2 MB, which stays in the processor's cache.
_CELLS = 1 << 18
_Counts = NDArray[np.intp]


class _Side(NamedTuple):
    """Rows of one class by falling score; rows of one group with one score are a single cell."""

    score: Vector
    group: NDArray[np.intp]
    size: Vector


class _Order(NamedTuple):
    """Both classes, and for each positive cell how many cells score higher, or at least as high."""

    positive: _Side
    negative: _Side
    negatives_above: NDArray[np.intp]
    negatives_to: NDArray[np.intp]
    positives_to: NDArray[np.intp]


def roc_auc(scored: Scored) -> Measure:
    """Measure the area under the ROC curve; undefined where a resample has one class only."""
    if scored.groups > _MATRIX_GROUPS and len(scored.target) < _ROWS_A_PAIR * scored.groups**2:
        return _sweep("roc_auc", scored, _area)
    wins = _wins(scored)
    sums = group_sums(scored, scored.target == 1, scored.target == 0)

    def measure(weights: Vector) -> dict[str, Vector]:
        positives, negatives = (weights @ sums).T
        return {"roc_auc": ratio(((weights @ wins) * weights).sum(axis=1), positives * negatives)}

    return measure


def average_precision(scored: Scored) -> Measure:
    """Measure the area under the precision-recall steps; undefined where a resample has no positive row."""
    if scored.groups > _COUNTED_GROUPS:
        return _sweep("average_precision", scored, _average_precision)
    dtype: Any = np.float32 if len(scored.target) < _EXACT_ROWS else np.float64
    counts = _count_at_thresholds(scored)

    def measure(weights: Vector) -> dict[str, Vector]:
        drawn = weights.astype(dtype)
        total, before = np.zeros(len(weights)), np.zeros((len(weights), 1), dtype=dtype)
        for positives, negatives in counts():
            hits = drawn @ positives.astype(dtype).T
            said = hits + drawn @ negatives.astype(dtype).T
            # Thresholds that a resample leaves out gain nothing, so their undefined precision may count as zero.
            precision = hits.astype(np.float64)
            precision /= np.maximum(said, 1, out=said)
            precision *= np.diff(hits, axis=1, prepend=before)
            total += precision.sum(axis=1)
            before = hits[:, -1:]
        return {"average_precision": ratio(total, before[:, 0].astype(np.float64))}

    return measure


def median_absolute_error(scored: Scored) -> Measure:
    """Measure the median of the absolute errors, the mean of the two middle ones where rows are even in number."""
    errors = np.abs(scored.scores - scored.target)
    order = np.argsort(errors, kind="stable")
    errors, group = errors[order], scored.group[order]

    def medians(block: Vector) -> Vector:
        running = np.cumsum(block[:, group], axis=1)
        total = running[:, -1]
        # Ranks count from zero.
        ranks = (np.floor((total - 1) / 2), np.floor(total / 2))
        middle = [errors[(running > rank[:, None]).argmax(axis=1)] for rank in ranks]
        return np.where(total > 0, sum(middle) / 2, np.nan)

    return _in_blocks("median_absolute_error", len(errors), medians)


def _count_at_thresholds(scored: Scored) -> Callable[[], Iterator[tuple[_Counts, _Counts]]]:
    """Prepare to count, at each score of a positive, how many rows of each group score at least as high.

    Yields the counts of positives and of negatives, blocks of (thresholds, groups), by falling score.
    """
    thresholds = np.unique(scored.scores[scored.target == 1])[::-1]
    sides = []
    for target in (1, 0):
        rows = scored.target == target
        # The first threshold that the row's score reaches.
        place = np.searchsorted(-thresholds, -scored.scores[rows], "left")
        sides.append(np.sort(place * scored.groups + scored.group[rows]))

    def blocks() -> Iterator[tuple[_Counts, _Counts]]:
        before: list[_Counts | int] = [0, 0]
        for start in range(0, len(thresholds), _THRESHOLDS):
            stop = min(start + _THRESHOLDS, len(thresholds))
            found = []
            for side, cells in enumerate(sides):
                first, last = np.searchsorted(cells, [start * scored.groups, stop * scored.groups])
                size = (stop - start) * scored.groups
                counts = np.bincount(cells[first:last] - start * scored.groups, minlength=size)
                found.append(before[side] + counts.reshape(-1, scored.groups).cumsum(axis=0))
                before[side] = found[-1][-1]
            yield found[0], found[1]

    return blocks


def _wins(scored: Scored) -> Vector:
    """Count how often the positives of one group outscore the negatives of another: shape (groups, groups)."""
    score, group, size = (values[::-1] for values in _side(scored, 1))
    wins = np.empty((scored.groups, scored.groups))
    for other in range(scored.groups):
        negative = np.sort(scored.scores[(scored.target == 0) & (scored.group == other)])
        beaten = np.searchsorted(negative, score, "left") + np.searchsorted(negative, score, "right")
        wins[:, other] = np.bincount(group, weights=size * beaten / 2, minlength=scored.groups)
    return wins


def _sweep(name: str, scored: Scored, along: Callable[[_Order, Vector], Vector]) -> Measure:
    """Prepare a measure that sweeps the falling scores with the weights of every row."""
    order = _order(scored)
    return _in_blocks(name, len(scored.target), lambda block: along(order, np.ascontiguousarray(block.T)))


def _in_blocks(name: str, rows: int, of: Callable[[Vector], Vector]) -> Measure:
    """Prepare a measure that takes a few resamples at a time."""
    step = max(8, _CELLS // max(1, rows))

    def measure(weights: Vector) -> dict[str, Vector]:
        return {name: np.concatenate([of(weights[at : at + step]) for at in range(0, len(weights), step)])}

    return measure


def _area(order: _Order, block: Vector) -> Vector:
    gained = _counts(order.positive, block)
    false = _running(_counts(order.negative, block))
    beaten = false[-1] - (false[order.negatives_to] + false[order.negatives_above]) / 2
    return ratio((gained * beaten).sum(axis=0), gained.sum(axis=0) * false[-1])


def _average_precision(order: _Order, block: Vector) -> Vector:
    gained = _counts(order.positive, block)
    true = _running(gained)
    hits = true[order.positives_to]
    said = hits + _running(_counts(order.negative, block))[order.negatives_to]
    # Cells that a resample leaves out gain nothing, so their undefined precision may count as zero.
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    return ratio((gained * precision).sum(axis=0), true[-1])


def _order(scored: Scored) -> _Order:
    positive, negative = _side(scored, 1), _side(scored, 0)
    return _Order(
        positive,
        negative,
        np.searchsorted(-negative.score, -positive.score, "left"),
        np.searchsorted(-negative.score, -positive.score, "right"),
        np.searchsorted(-positive.score, -positive.score, "right"),
    )


def _side(scored: Scored, target: int) -> _Side:
    rows = scored.target == target
    order = np.lexsort((scored.group[rows], -scored.scores[rows]))
    score, group = scored.scores[rows][order], scored.group[rows][order]
    first = np.ones(len(score), dtype=bool)
    first[1:] = (score[1:] != score[:-1]) | (group[1:] != group[:-1])
    starts = np.flatnonzero(first)
    return _Side(score[starts], group[starts], np.diff(np.append(starts, len(score))).astype(np.float64))


def _counts(side: _Side, block: Vector) -> Vector:
    """Return the weighted rows of every cell, shape (cells, resamples)."""
    return block[side.group] * side.size[:, None]


def _running(counts: Vector) -> Vector:
    """Return the weighted rows before every cell, and after the last."""
    running = np.zeros((len(counts) + 1, counts.shape[1]))
    np.cumsum(counts, axis=0, out=running[1:])
    return running
