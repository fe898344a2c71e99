"""Make rows for the certificate beside those of the training set: mixed ones, and rows around jumps of the score."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Input
from slipway.columns import spread_rows

Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]

# Pairs of rows between which a jump is searched: enough to meet each common one several times.
_PAIRS = 1024
# Between any two float32 numbers of one sign lie less than 2^31 others, and as many of the other sign.
_HALVINGS = 32
_BLOCK = 4096


def mix_rows(tensor: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return `most` rows whose values come from different rows of `tensor`: like those that will be scored one day."""
    rng = np.random.default_rng(0)
    mixed = tensor[rng.integers(0, len(tensor), most)]
    for column in range(tensor.shape[1]):
        # One value in two is another row's, so that columns that belong together often stay so.
        other = rng.random(most) < 0.5
        mixed[other, column] = tensor[rng.integers(0, len(tensor), int(other.sum())), column]
    return mixed


def rows_around_jumps(
    predict: Predict, inputs: Sequence[Input], tensor: NDArray[np.float32], smallest: float
) -> NDArray[np.float32]:
    """Return rows at which a score jumps by more than `smallest` from one float32 number to the next, and beside.

    The one value that two rows differ in is halved until both are neighbours. Codes and whole numbers are left alone:
    no client can send what lies between them.
    """
    columns = [
        place for place, given in enumerate(inputs) if given.vocabulary is None and _has_fractions(tensor[:, place])
    ]
    if not columns:
        return tensor[:0]
    low = tensor[np.resize(spread_rows(len(tensor), _PAIRS), _PAIRS)]
    rows, column = np.arange(_PAIRS), np.resize(columns, _PAIRS)
    below = _keys(low[rows, column])
    above = _keys(tensor[np.random.default_rng(0).permutation(np.resize(np.arange(len(tensor)), _PAIRS)), column])
    known = np.isfinite(_numbers(below)) & np.isfinite(_numbers(above)) & (below != above)
    low, column, rows = low[known], column[known], np.arange(int(known.sum()))
    below, above = np.minimum(below, above)[known], np.maximum(below, above)[known]

    def score(keys: NDArray[np.int64]) -> NDArray[np.float64]:
        low[rows, column] = _numbers(keys)
        scores = np.concatenate([predict(low[at : at + _BLOCK]) for at in range(0, len(low), _BLOCK)])
        return scores.reshape(len(low), -1)

    if not len(low):
        return tensor[:0]
    ends = [score(below), score(above)]
    for _ in range(_HALVINGS):
        middle = (below + above) // 2
        scores = score(middle)
        left = _size(scores - ends[0]) >= _size(ends[1] - scores)
        above, below = np.where(left, middle, above), np.where(left, below, middle)
        ends = [np.where(left[:, None], ends[0], scores), np.where(left[:, None], scores, ends[1])]
    jump = (_size(ends[1] - ends[0]) > smallest) & (above - below == 1)
    steps = np.concatenate([(below + step)[jump] for step in (-1, 0, 1, 2)])
    around = np.tile(low[jump], (4, 1))
    around[np.arange(len(around)), np.tile(column[jump], 4)] = _numbers(steps)
    return around


def _size(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(difference).max(axis=1)


def _has_fractions(values: NDArray[np.float32]) -> bool:
    known = values[np.isfinite(values)]
    return bool((known != np.round(known)).any())


def _keys(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number the float32 numbers in their order: neighbours differ by one."""
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _numbers(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    bits = np.where(keys < 0, -keys | 0x80000000, keys).astype(np.uint32)
    return bits.view(np.float32)
