"""Compute metrics from sums over groups: one matrix product gives them for every resample."""

from collections.abc import Callable

import numpy as np

from slipway.evaluation.losses import group_sums, row_losses
from slipway.evaluation.scored import Scored, Vector, predicted_classes

# From how often each group counts (resamples, groups) to each metric's value (resamples,); NaN = undefined.
Measure = Callable[[Vector], dict[str, Vector]]


def binary_sums(scored: Scored) -> Measure:
    """Measure log loss, Brier score, accuracy, mean error and, at the threshold, precision and recall."""
    losses = row_losses(scored)
    actual, said = scored.target == 1, predicted_classes(scored) == 1
    sums = _sums(scored, *losses.values(), actual, said, actual & said)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, *means, positives, alarms, hits = _totals(weights, sums)
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
        rows, *rest = _totals(weights, sums)
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
        rows, *means, total, squares = _totals(weights, sums)
        values = {name: ratio(loss, rows) for name, loss in zip(losses, means, strict=True)}
        squared = values.pop("squared_error")
        spread = ratio(squares, rows) - ratio(total, rows) ** 2
        return values | {"rmse": np.sqrt(squared), "r2": 1 - ratio(squared, spread)}

    return measure


def ratio(part: Vector, whole: Vector) -> Vector:
    """Divide `part` by `whole`, NaN where `whole` is not above zero."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _sums(scored: Scored, *values: Vector) -> Vector:
    return group_sums(scored.group, scored.groups, np.ones(len(scored.target)), *values)


def _totals(weights: Vector, sums: Vector) -> Vector:
    return (weights @ sums).T


def _mean_of_defined(values: Vector) -> Vector:
    defined = np.isfinite(values)
    return ratio(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0))
