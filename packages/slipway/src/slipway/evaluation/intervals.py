"""Compute intervals from resamples of whole groups, because rows of one group are not independent.

Every resample draws as many groups as there are, with repetition, and counts each group's rows as often as it
was drawn (the cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section
3.8). All metrics see the same resamples, so differences between models are paired.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from slipway.evaluation.calibration import CALIBRATION_DISTANCE
from slipway.evaluation.scored import Vector
from slipway.evaluation.sums import Measure
from slipway.figures import Figure
from slipway.params import EvaluateParams

# A metric's value over all rows first, then in each resample; NaN where it is undefined.
Draws = Vector
Key = TypeVar("Key", bound=Hashable)

# Weights of (resample, group) held at once: 32 MB.
_CELLS = 1 << 22
# Where a metric is defined in a smaller share of resamples (the others have one class only, say), no interval is given.
_DEFINED = 0.9


def resample_groups(
    measures: Mapping[Key, Measure], groups: int, params: EvaluateParams
) -> dict[Key, dict[str, Draws]]:
    """Compute every measure over all rows and over `params.resamples` resamples of the `groups`."""
    parts: dict[Key, list[dict[str, Vector]]] = {key: [] for key in measures}
    for weights in _weights(groups, params):
        for key, measure in measures.items():
            parts[key].append(measure(weights))
    return {
        key: {name: np.concatenate([part[name] for part in found]) for name in found[0]} for key, found in parts.items()
    }


def metric_figure(draws: Mapping[str, Draws], name: str, groups: int, confidence: float) -> Figure | None:
    """Return a metric with its interval, None where it is undefined; `groups` are those that have rows here."""
    if name == "calibration_error":
        return _calibration_figure(draws[name], draws[CALIBRATION_DISTANCE], groups, confidence)
    return percentile_interval(draws[name], groups, confidence)


def percentile_interval(draws: Draws, groups: int, confidence: float) -> Figure | None:
    """Return the percentile interval, widened for few groups; None where the value is undefined.

    A percentile interval of few groups is too narrow, as a normal one is beside Student's: the percentiles
    are moved out to match (Hesterberg, What teachers should know about the bootstrap, The American
    Statistician 69, 2015).
    """
    if not math.isfinite(draws[0]):
        return None
    resamples = draws[1:][np.isfinite(draws[1:])]
    if groups < 2 or len(resamples) < _DEFINED * (len(draws) - 1):
        return Figure(value=float(draws[0]))
    tail = _tail(groups, confidence)
    low, high = np.quantile(resamples, [tail, 1 - tail]).tolist()
    return Figure(value=float(draws[0]), low=low, high=high)


def _calibration_figure(error: Draws, distance: Draws, groups: int, confidence: float) -> Figure | None:
    """Return the usual upper end, and a lower end without what noise alone adds to the error."""
    found = percentile_interval(error, groups, confidence)
    if found is None or found.low is None:
        return found
    noise = float(np.quantile(distance[1:][np.isfinite(distance[1:])], 1 - _tail(groups, confidence)))
    return Figure(value=found.value, low=max(0.0, min(found.low, found.value - noise)), high=found.high)


def _tail(groups: int, confidence: float) -> float:
    from scipy.special import ndtr, stdtrit

    student = stdtrit(groups - 1, (1 - confidence) / 2)
    return float(ndtr(math.sqrt(groups / (groups - 1)) * student))


def _weights(groups: int, params: EvaluateParams) -> Iterator[Vector]:
    """Yield how often each group counts, blocks of (resamples, groups): each once at first, then as drawn."""
    yield np.ones((1, groups))
    random = np.random.default_rng(params.seed)
    step = max(1, _CELLS // groups)
    for start in range(0, params.resamples, step):
        rows = min(step, params.resamples - start)
        drawn = random.integers(0, groups, (rows, groups)) + np.arange(rows)[:, None] * groups
        yield np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)
