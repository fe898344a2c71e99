"""Compute the metrics that need no more than sums over groups: one matrix product gives them for every resample."""

from collections.abc import Callable

import numpy as np

from slipway.evaluation.scored import Scored, Vector, predicted_classes
from slipway.problem import Task

# From how often each group counts (resamples, groups) to each metric's value (resamples,); NaN = undefined.
Measure = Callable[[Vector], dict[str, Vector]]

# The log loss of a probability of exactly 0 or 1 may be infinite; scikit-learn's log_loss clips at the same place.
_EPSILON = float(np.finfo(np.float64).eps)


def binary_sums(scored: Scored) -> Measure:
    """Measure log loss, Brier score, accuracy, mean error and, at the threshold, precision and recall."""
    losses = row_losses(scored)
    actual, said = scored.target == 1, predicted_classes(scored) == 1
    sums = _sums(scored, *losses.values(), actual, said, actual & said)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, *means, positives, alarms, hits = (weights @ sums).T
        values = {name: ratio(total, rows) for name, total in zip(losses, means, strict=True)}
        return values | {"precision": ratio(hits, alarms), "recall": ratio(hits, positives)}

    return measure


def multiclass_sums(scored: Scored) -> Measure:
    """Measure log loss, Brier score, accuracy, balanced accuracy and macro F1.

    A class counts towards balanced accuracy where it occurs, towards macro F1 where it occurs or was predicted.
    """
    losses = row_losses(scored)
    every = range(len(scored.classes))
    said = predicted_classes(scored)
    true = [scored.target == k for k in every]
    guessed = [said == k for k in every]
    hits = [true[k] & guessed[k] for k in every]
    sums = _sums(scored, *losses.values(), *true, *guessed, *hits)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, *rest = (weights @ sums).T
        values = {name: ratio(total, rows) for name, total in zip(losses, rest, strict=False)}
        true, guessed, hits = np.array(rest[len(losses) :]).reshape(3, len(every), -1)
        values["balanced_accuracy"] = _mean_of_defined(ratio(hits, true))
        values["macro_f1"] = _mean_of_defined(ratio(2 * hits, true + guessed))
        return values

    return measure


def regression_sums(scored: Scored) -> Measure:
    """Measure RMSE, MAE, mean error and R2."""
    losses = row_losses(scored)
    # Squares of a target far from zero would cancel; R2 does not depend on where zero is.
    centred = scored.target - scored.target.mean()
    sums = _sums(scored, *losses.values(), centred, centred**2)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, *means, total, squares = (weights @ sums).T
        values = {name: ratio(loss, rows) for name, loss in zip(losses, means, strict=True)}
        squared = values.pop("squared_error")
        spread = ratio(squares, rows) - ratio(total, rows) ** 2
        return values | {"rmse": np.sqrt(squared), "r2": 1 - ratio(squared, spread)}

    return measure


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
            "log_loss": _negative_log(likelihood),
            "brier": error**2,
            "accuracy": accuracy,
            "mean_error": error,
        }
    likelihood = np.take_along_axis(scored.scores, scored.target[:, None], axis=1)[:, 0]
    # The sum of (p - y)^2, with y = 1 for one class only, is the sum of p^2, less 2p of that class, plus 1.
    brier = (scored.scores**2).sum(axis=1) - 2 * likelihood + 1
    return {"log_loss": _negative_log(likelihood), "brier": brier, "accuracy": accuracy}


def group_sums(scored: Scored, *values: Vector) -> Vector:
    """Sum each of `values` over the rows of each group: shape (groups, values)."""
    sums = [np.bincount(scored.group, weights=column, minlength=scored.groups) for column in values]
    return np.stack(sums, axis=1)


def ratio(part: Vector, whole: Vector) -> Vector:
    """Divide `part` by `whole`, NaN where `whole` is not above zero."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _sums(scored: Scored, *values: Vector) -> Vector:
    return group_sums(scored, np.ones(len(scored.target)), *values)


def _mean_of_defined(values: Vector) -> Vector:
    defined = np.isfinite(values)
    return ratio(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0))


def _negative_log(likelihood: Vector) -> Vector:
    return -np.log(np.clip(likelihood, _EPSILON, 1 - _EPSILON))
