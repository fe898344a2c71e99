"""Compare what a model predicts on average, and how well its probabilities are calibrated, with what happened."""

import numpy as np

from slipway.evaluation.intervals import metric_figure, resample_groups
from slipway.evaluation.metrics import prepare_metrics
from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import group_sums
from slipway.figures import Figure
from slipway.gate.statistics.paired import estimate_share, student_interval
from slipway.params import EvaluateParams
from slipway.problem import Task


def calibration_interval(scored: Scored, level: float, params: EvaluateParams) -> Figure | None:
    """Return the calibration error of probabilities with its interval at `level`; None where it is undefined."""
    name = "calibration_error"
    draws = resample_groups({name: prepare_metrics(scored, [name])}, scored.groups, params)[name]
    return metric_figure(draws, name, scored.groups, level)


def mean_prediction(scored: Scored) -> Vector:
    """Return the mean score, one for each class of several; a regression's in standard deviations of the target."""
    return np.asarray(_predictions(scored).mean(axis=0), dtype=np.float64)


def mean_distance(scored: Scored, other: Scored) -> float:
    """Return how far the mean scores of two models on the same rows lie apart, the largest over the columns."""
    return float(np.abs((_predictions(scored) - _predictions(other)).mean(axis=0)).max())


def mean_error(scored: Scored) -> float:
    """Return how far the mean score lies from the mean outcome, the largest over the columns."""
    return float(np.abs((_predictions(scored) - _outcomes(scored)).mean(axis=0)).max())


def least_mean_error(scored: Scored, level: float) -> float:
    """Return the distance from zero to the nearer end of the mean error's interval, the largest over the columns."""
    errors = _predictions(scored) - _outcomes(scored)
    rows, *sums = group_sums(scored, np.ones(len(errors)), *errors.T).T
    ends = [student_interval(*estimate_share(column, rows), scored.groups, level) for column in sums]
    return max(max(0.0, end.low or 0.0, -(end.high or 0.0)) for end in ends)


def _predictions(scored: Scored) -> Vector:
    """Return scores of shape (rows, columns), a regression's in standard deviations of the target."""
    scores = scored.scores.reshape(len(scored.target), -1)
    return scores / (_scale(scored) or 1.0)


def _outcomes(scored: Scored) -> Vector:
    """Return outcomes in the shape and unit of the predictions."""
    if scored.task is Task.MULTICLASS:
        return np.asarray(np.eye(len(scored.classes))[scored.target])
    return np.asarray(scored.target.reshape(-1, 1) / (_scale(scored) or 1.0))


def _scale(scored: Scored) -> float:
    return float(scored.target.std()) if scored.task is Task.REGRESSION else 1.0
