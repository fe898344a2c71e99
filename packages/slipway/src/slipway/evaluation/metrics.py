"""List every metric by task: its name, how it is computed, and which direction is better."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
import numpy as np

from slipway.errors import ProblemError
from slipway.evaluation.calibration import CALIBRATION_DISTANCE, calibration_error
from slipway.evaluation.ranking import average_precision, median_absolute_error, roc_auc
from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import Measure, binary_sums, multiclass_sums, regression_sums
from slipway.problem import Problem, Task


class Better(StrEnum):
    """The direction in which a metric improves; every metric that can be primary has one."""

    LOWER = "lower"
    HIGHER = "higher"


class MetricKind(msgspec.Struct, frozen=True):
    """One metric: how it is computed, its label, and the direction in which it improves.

    `better` is None where the metric alone does not rank models: precision rises as recall falls, and a constant is
    perfectly calibrated.

    To add a metric, compute it under a new key of the dict that a measure returns: a mean over rows in
    `row_losses`, another function of sums over groups in `sums.py`, one of rows in order in `ranking.py`. Give it that
    key in `METRICS`, for each of its tasks. Then follow "A change of figures" in packages/slipway/CONTRIBUTING.md.
    """

    build: Callable[[Scored], Measure]
    label: str
    better: Better | None = None

    def losses(self, values: Vector) -> Vector:
        """Turn values of the metric into losses, of which less is better: a high metric's is its distance from 1."""
        return 1 - values if self.better is Better.HIGHER else values


METRICS: dict[Task, dict[str, MetricKind]] = {
    Task.BINARY: {
        "log_loss": MetricKind(binary_sums, "Log loss", Better.LOWER),
        "brier": MetricKind(binary_sums, "Brier score", Better.LOWER),
        "roc_auc": MetricKind(roc_auc, "ROC AUC", Better.HIGHER),
        "average_precision": MetricKind(average_precision, "Average precision", Better.HIGHER),
        "calibration_error": MetricKind(calibration_error, "Calibration error"),
        "mean_error": MetricKind(binary_sums, "Mean score less base rate"),
        "accuracy": MetricKind(binary_sums, "Accuracy at the threshold", Better.HIGHER),
        "precision": MetricKind(binary_sums, "Precision at the threshold"),
        "recall": MetricKind(binary_sums, "Recall at the threshold"),
    },
    Task.MULTICLASS: {
        "log_loss": MetricKind(multiclass_sums, "Log loss", Better.LOWER),
        "brier": MetricKind(multiclass_sums, "Brier score, summed over classes", Better.LOWER),
        "accuracy": MetricKind(multiclass_sums, "Accuracy", Better.HIGHER),
        "balanced_accuracy": MetricKind(multiclass_sums, "Balanced accuracy", Better.HIGHER),
        "macro_f1": MetricKind(multiclass_sums, "F1, mean over classes", Better.HIGHER),
        "calibration_error": MetricKind(calibration_error, "Calibration error of the top class"),
    },
    Task.REGRESSION: {
        "rmse": MetricKind(regression_sums, "Root mean squared error", Better.LOWER),
        "mae": MetricKind(regression_sums, "Mean absolute error", Better.LOWER),
        "median_absolute_error": MetricKind(median_absolute_error, "Median absolute error", Better.LOWER),
        "r2": MetricKind(regression_sums, "R², share of variance explained", Better.HIGHER),
        "mean_error": MetricKind(regression_sums, "Mean error, predicted less actual"),
    },
}

# The metrics of a slice beside the primary one: those that few rows can estimate.
SLICE_METRICS: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "mean_error"),
    Task.MULTICLASS: ("accuracy",),
    Task.REGRESSION: ("mae", "mean_error"),
}


def verify_primary_metric(problem: Problem) -> None:
    """Raise `ProblemError` unless the problem's primary metric has a better direction."""
    able = [name for name, kind in METRICS[problem.task].items() if kind.better]
    if problem.metric not in able:
        raise ProblemError(
            f"PROBLEM of {problem.name!r} has the primary metric {problem.metric!r}, expected one of {', '.join(able)} "
            f"for a {problem.task} problem. Change it in problem.py."
        )


def prepare_metrics(scored: Scored, names: Sequence[str]) -> Measure:
    """Prepare the metrics `names` of `scored`; the returned measure computes them for any weights of the groups."""
    kinds = METRICS[scored.task]
    measures = [build(scored) for build in dict.fromkeys(kinds[name].build for name in names)]
    wanted = {*names, CALIBRATION_DISTANCE}

    def every(weights: Vector) -> dict[str, Vector]:
        values = {name: value for each in measures for name, value in each(weights).items()}
        for name in names:
            if name not in values:
                raise LookupError(
                    f"METRICS has {name}, but {kinds[name].build.__name__} computes no such metric, only "
                    f"{', '.join(values)}. A name in METRICS must be a key of the dict that its measure returns."
                )
        return {name: value for name, value in values.items() if name in wanted}

    return every


def metric_value(scored: Scored, name: str) -> float:
    """Compute one metric over all rows; NaN where it is undefined."""
    return float(prepare_metrics(scored, [name])(np.ones((1, scored.groups)))[name][0])
