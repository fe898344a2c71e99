"""Measure by how much scores are too high or too low, in all rows and in each part of a slice beside the others.

Both are in standard deviations of the outcome in these rows, so that one limit suits a rare class, a frequent one and
a number in any unit. The excess of a part is its error less that of all rows: a season that moves everything moves no
excess.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from slipway.evaluation.calibration import judged_probability
from slipway.evaluation.intervals import percentile_interval, resample_groups
from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.slices import FEWEST_GROUPS, SlicePart, is_large
from slipway.evaluation.sums import group_sums, ratio
from slipway.monitoring.measurement import Measurement
from slipway.params import EvaluateParams
from slipway.problem import Task

BIAS = "bias"


def measure_bias(scored: Scored, parts: Sequence[SlicePart], params: EvaluateParams) -> Iterator[Measurement]:
    """Yield `bias`, and `slice:<name>=<label>:excess` for each part that is large enough."""
    score, true = _judged(scored)
    spread = float(true.std())
    if not spread > 0:
        yield Measurement(name=BIAS, rows=len(true), note="the outcome does not vary")
        return
    error = (score - true) / spread
    judged = [part for part in parts if is_large(part) and len(np.unique(scored.group[part.rows])) >= FEWEST_GROUPS]
    whole = group_sums(scored, error, np.ones(len(error)))
    sums = [_part_sums(scored, error, part) for part in judged]

    def measure(weights: Vector) -> dict[str, Vector]:
        bias = ratio(*(weights @ whole).T)
        parts = {f"slice:{part.slice}={part.label}:excess": at for at, part in enumerate(judged)}
        return {BIAS: bias} | {name: ratio(*(weights @ sums[at]).T) - bias for name, at in parts.items()}

    draws = resample_groups({"": measure}, scored.groups, params)[""]
    rows = [len(error), *(len(part.rows) for part in judged)]
    for (name, values), number in zip(draws.items(), rows, strict=True):
        figure = percentile_interval(values, scored.groups, params.confidence)
        yield Measurement(name=name, figure=figure, rows=number, note="standard deviations of the outcome")


def _judged(scored: Scored) -> tuple[Vector, Vector]:
    """Return what is predicted and what came, of several classes that of the one with the highest score."""
    return (scored.scores, scored.target) if scored.task is Task.REGRESSION else judged_probability(scored)


def _part_sums(scored: Scored, error: Vector, part: SlicePart) -> Vector:
    group = scored.group[part.rows]
    sums = [np.bincount(group, weights=each, minlength=scored.groups) for each in (error[part.rows], None)]
    return np.stack(sums, axis=1)
