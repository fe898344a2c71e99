"""Measure the calibration slope: 1 where scores are as extreme as they should be, 0 where they say nothing.

The coefficient of a logistic regression of the outcome on the logit of the score (Cox, Two further applications of a
model for binary regression, Biometrika 45, 1958); of a regression, that of the target on the prediction by least
squares. Below 1 the scores are too extreme, below 0 they point the wrong way.
"""

import numpy as np

from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import Measure, group_sums, ratio
from slipway.problem import Task

SLOPE = "slope"
# Logits of a bin are put together: a slope changes by less than 0.001.
_BINS = 200
_STEPS = 12
_EPSILON = 1e-6


def has_slope(task: Task) -> bool:
    """Return True for a task that has one score for each row."""
    return task is not Task.MULTICLASS


def calibration_slope(scored: Scored) -> Measure:
    """Measure the slope, NaN where it is undefined: one class only, or one score."""
    return _logistic_slope(scored) if scored.task is Task.BINARY else _linear_slope(scored)


def _linear_slope(scored: Scored) -> Measure:
    score = scored.scores - scored.scores.mean()
    target = scored.target - scored.target.mean()
    sums = group_sums(scored, np.ones(len(score)), score, target, score * target, score**2)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, x, y, xy, xx = (weights @ sums).T
        return {SLOPE: ratio(xy - ratio(x * y, rows), xx - ratio(x * x, rows))}

    return measure


def _logistic_slope(scored: Scored) -> Measure:
    chance = np.clip(scored.scores, _EPSILON, 1 - _EPSILON)
    logit = np.log(chance / (1 - chance))
    edges = np.unique(np.quantile(logit, np.arange(1, _BINS) / _BINS, method="inverted_cdf"))
    cell = np.searchsorted(edges, logit)
    bins = len(edges) + 1
    cells = scored.group * bins + cell
    shape, size = (scored.groups, bins), scored.groups * bins
    rows = np.bincount(cells, minlength=size).reshape(shape)
    positives = np.bincount(cells, weights=scored.target == 1, minlength=size).reshape(shape)
    every = np.bincount(cell, minlength=bins)
    centre = np.bincount(cell, weights=logit, minlength=bins) / np.maximum(every, 1)

    def measure(weights: Vector) -> dict[str, Vector]:
        return {SLOPE: _fit(centre, weights @ rows, weights @ positives)}

    return measure


def _fit(x: Vector, rows: Vector, positives: Vector) -> Vector:
    """Fit an intercept and a slope for each resample by Newton's method, from the slope 1; return the slopes."""
    total, hits = rows.sum(axis=1), positives.sum(axis=1)
    intercept, slope = np.zeros(len(rows)), np.ones(len(rows))
    defined = (hits > 0) & (hits < total)
    for _ in range(_STEPS):
        with np.errstate(over="ignore"):
            chance = 1 / (1 + np.exp(-(intercept[:, None] + slope[:, None] * x)))
        error, weight = positives - rows * chance, rows * chance * (1 - chance)
        g0, g1 = error.sum(axis=1), error @ x
        h0, h1, h2 = weight.sum(axis=1), weight @ x, weight @ x**2
        determinant = h0 * h2 - h1 * h1
        usable = defined & (determinant > 1e-12)
        safe = np.where(usable, determinant, 1.0)
        # A step of at most 2: far from the solution Newton's method overshoots.
        intercept = intercept + np.where(usable, np.clip((h2 * g0 - h1 * g1) / safe, -2, 2), 0)
        slope = slope + np.where(usable, np.clip((h0 * g1 - h1 * g0) / safe, -2, 2), 0)
    return np.where(usable & np.isfinite(slope), slope, np.nan)
