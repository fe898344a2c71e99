"""Certify parity: the exported model scores as the estimator does, and a row alone as among others."""

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import TOLERANCE, Certificate
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.errors import ModelError
from slipway.problem import Task

_FLOORS = (1, 2, 4, 8, 16)
# Rows scored alone to find the floor: spread over the set, enough to detect a kernel for few rows.
_ALONE = 256


def certify_parity(scores: NDArray[np.float64], expected: NDArray[np.float64], threshold: float | None) -> Certificate:
    """Compare the exported model's scores with the estimator's; raises `ModelError` if they differ.

    `threshold` is that of a binary task, None for the others.
    """
    off = score_difference(scores, expected)
    certificate = Certificate(
        rows=len(expected),
        # Two digits say how close it is; more would tie the digest to the last bit of a processor's arithmetic.
        largest_difference=float(f"{off.max(initial=0.0):.1e}"),
        label_flips=_label_flips(scores, expected, threshold),
    )
    if off.max(initial=0.0) > TOLERANCE or not certificate.passed:
        raise ModelError(
            f"The exported model differs from the estimator over {certificate.rows} rows: expected scores within "
            f"{TOLERANCE:g} and no changed label, found a difference of {off.max(initial=0.0):.2g} and "
            f"{certificate.label_flips} changed labels. Usually a feature is too large for float32 (scale it in "
            "features.py), or ONNX has another version of an operator (try another estimator)."
        )
    return certificate


def find_batch_floor(model: bytes, task: Task, tensor: NDArray[np.float32]) -> int:
    """Find the fewest rows to run at once so that a row scores exactly the same alone as among others."""
    sample = tensor[:: max(1, len(tensor) // _ALONE)][:_ALONE]
    among = Scorer(model, task).run(sample)
    for floor in _FLOORS:
        scorer = Scorer(model, task, floor)
        if all(np.array_equal(scorer.run(sample[row : row + 1])[0], among[row]) for row in range(len(sample))):
            return floor
    raise ModelError(
        f"The exported model scores a row alone, even repeated {_FLOORS[-1]} times, other than among other rows, so a "
        "prediction would depend on its batch. Choose another estimator."
    )


def _label_flips(scores: NDArray[np.float64], expected: NDArray[np.float64], threshold: float | None) -> int:
    if threshold is not None:
        flipped = (scores >= threshold) != (expected >= threshold)
        margin = np.abs(expected - threshold)
    elif expected.ndim == 2:
        flipped = scores.argmax(axis=1) != expected.argmax(axis=1)
        first, second = -np.sort(-expected, axis=1)[:, :2].T
        margin = first - second
    else:
        return 0
    return int((flipped & (margin > TOLERANCE)).sum())
