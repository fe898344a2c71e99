"""Measure the outcomes themselves: how many came and when, whether they stand for all rows, and an estimate without."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Manifest
from slipway.evaluation.intervals import percentile_interval, resample_groups
from slipway.evaluation.scored import Vector
from slipway.evaluation.sums import ratio
from slipway.figures import Figure
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement
from slipway.params import EvaluateParams
from slipway.problem import Task

_HOUR = np.timedelta64(3_600_000_000, "us")
_EPSILON = float(np.finfo(np.float64).eps)


def measure_labels(traffic: Traffic, manifest: Manifest, params: EvaluateParams) -> Iterator[Measurement]:
    """Yield coverage, delay, the mean of scores and outcomes, and how the scores of the labelled rows differ."""
    rows, labelled = len(traffic), int(traffic.labelled.sum())
    yield Measurement(name="coverage", figure=Figure(value=labelled / rows) if rows else None, rows=rows)
    delays = _find_delays(traffic.take(traffic.labelled)) / _HOUR
    for name, level in (("delay_median", 0.5), ("delay_p95", 0.95)):
        figure = Figure(value=float(np.quantile(delays, level))) if labelled else None
        yield Measurement(name=name, figure=figure, rows=labelled, note="hours")
    yield from _means(traffic, manifest, params)


def _find_delays(labelled: Traffic) -> NDArray[np.timedelta64]:
    """Return how long after the row its outcome was observed, or came into the log where that is unknown.

    An observation before the row's own time is of another clock, as where old rows are sent again.
    """
    observed = labelled.observed - labelled.clock
    return np.where(observed >= np.timedelta64(0), observed, labelled.arrived - labelled.logged)


def _means(traffic: Traffic, manifest: Manifest, params: EvaluateParams) -> Iterator[Measurement]:
    """Yield `score_mean`, `outcome_mean` and `labelled_score_gap`: the labelled rows' mean score less that of all."""
    if not len(traffic):
        return
    days, group = np.unique(traffic.days(), return_inverse=True)
    scores = _watched_score(traffic.scores, manifest)
    outcome = _watched_outcome(traffic, manifest)
    columns = (np.ones(len(scores)), scores, traffic.labelled, np.where(traffic.labelled, scores, 0), outcome)
    sums = np.stack([np.bincount(group, weights=each, minlength=len(days)) for each in columns], axis=1)

    def measure(weights: Vector) -> dict[str, Vector]:
        rows, total, labelled, labelled_total, outcomes = (weights @ sums).T
        mean, labelled_mean = ratio(total, rows), ratio(labelled_total, labelled)
        return {
            "score_mean": mean,
            "outcome_mean": ratio(outcomes, labelled),
            "labelled_score_gap": labelled_mean - mean,
        }

    draws = resample_groups({"": measure}, len(days), params)[""]
    for name, values in draws.items():
        figure = percentile_interval(values, len(days), params.confidence)
        yield Measurement(name=name, figure=figure, rows=len(traffic), note="" if figure else "no outcome is known")


def _watched_score(scores: Vector, manifest: Manifest) -> Vector:
    """Return the score itself, or the highest one of several classes."""
    return scores.max(axis=1) if manifest.task is Task.MULTICLASS else scores


def _watched_outcome(traffic: Traffic, manifest: Manifest) -> Vector:
    """Return the outcome as a number, 1 where the class of the highest score came true; 0 where it is not known."""
    if manifest.task is Task.MULTICLASS:
        return (traffic.scores.argmax(axis=1) == traffic.target).astype(np.float64)
    return np.where(traffic.labelled, traffic.target, 0).astype(np.float64)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A metric as the scores alone would have it, over all rows and over the labelled ones."""

    every: float
    labelled: float | None


def estimate_metric(traffic: Traffic, manifest: Manifest, metric: str) -> Estimate | None:
    """Estimate a metric without outcomes, as if every score were the true probability; None where that cannot be."""
    expect = _EXPECTED.get(metric)
    if expect is None or manifest.task is Task.REGRESSION or not len(traffic):
        return None
    scores = traffic.scores
    if manifest.task is Task.BINARY:
        scores = np.stack([1 - scores, scores], axis=1)
    losses = expect(scores, 0.5 if manifest.task is Task.BINARY else 1.0)
    labelled = float(losses[traffic.labelled].mean()) if traffic.labelled.any() else None
    return Estimate(every=float(losses.mean()), labelled=labelled)


def _expect_log_loss(chances: Vector, _: float) -> Vector:
    clipped = np.clip(chances, _EPSILON, 1 - _EPSILON)
    return -(chances * np.log(clipped)).sum(axis=1)


def _expect_brier(chances: Vector, scale: float) -> Vector:
    return scale * (1 - (chances**2).sum(axis=1))


_EXPECTED: dict[str, Callable[[Vector, float], Vector]] = {"log_loss": _expect_log_loss, "brier": _expect_brier}
