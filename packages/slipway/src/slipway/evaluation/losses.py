"""Compute each row's part of the metrics that are means over rows, and its sums over groups."""

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Scored, Vector, predicted_classes
from slipway.problem import Task

# The log loss of a probability of exactly 0 or 1 may be infinite; scikit-learn's log_loss clips at the same place.
_EPSILON = float(np.finfo(np.float64).eps)


def row_losses(scored: Scored) -> dict[str, Vector]:
    """Return every row's loss, by the name of the metric that is its mean.

    Classes: `log_loss` (natural logarithm), `brier` (multiclass: summed over classes, so 0 to 2; Brier,
    Monthly Weather Review 78, 1950), `accuracy`; binary also `mean_error`, the score less the outcome (0 or 1).
    Regression: `mae`, `squared_error` and `mean_error`, in the target's unit.
    """
    if scored.task is Task.REGRESSION:
        error = scored.scores - scored.target
        return {"mae": np.abs(error), "squared_error": error**2, "mean_error": error}
    accuracy = (predicted_classes(scored) == scored.target).astype(np.float64)
    if scored.task is Task.BINARY:
        error = scored.scores - scored.target
        likelihood = np.where(scored.target == 1, scored.scores, 1 - scored.scores)
        return {
            "log_loss": _surprise(likelihood),
            "brier": error**2,
            "accuracy": accuracy,
            "mean_error": error,
        }
    likelihood = np.take_along_axis(scored.scores, scored.target[:, None], axis=1)[:, 0]
    # The sum of (p - y)^2, with y = 1 for one class only, is the sum of p^2, less 2p of that class, plus 1.
    brier = (scored.scores**2).sum(axis=1) - 2 * likelihood + 1
    return {"log_loss": _surprise(likelihood), "brier": brier, "accuracy": accuracy}


def group_sums(group: NDArray[np.intp], groups: int, *values: Vector) -> Vector:
    """Sum each of `values` over the rows of each group: shape (groups, values)."""
    return np.stack([np.bincount(group, weights=column, minlength=groups) for column in values], axis=1)


def _surprise(likelihood: Vector) -> Vector:
    return -np.log(np.clip(likelihood, _EPSILON, 1 - _EPSILON))
