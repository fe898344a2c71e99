"""The evaluation of scored rows: metrics with intervals, the trivial baseline beside them, and slices."""

from collections.abc import Sequence

import numpy as np

from slipway.errors import DataError
from slipway.evaluation.intervals import Draws, figure, interval, resample
from slipway.evaluation.metrics import METRICS, Better, Kind, measure
from slipway.evaluation.result import Evaluation, Metric, rounded
from slipway.evaluation.scored import Scored
from slipway.evaluation.slices import Part, describe, is_large, measure_part
from slipway.evaluation.sums import ratio
from slipway.params import EvaluateParams
from slipway.problem import Task

# Keys of the two measures of all rows; parts are keyed by their position.
_MODEL, _BASELINE = -1, -2


def evaluate(
    scored: Scored, baseline: Scored, primary: str, params: EvaluateParams, parts: Sequence[Part] = ()
) -> Evaluation:
    """Evaluate a model on rows, beside a `baseline` on the same rows; everything in the same resamples.

    Numbers are rounded to six significant digits. Raises `DataError` for rows of one class or one group, and
    where the primary metric is undefined.
    """
    _check(scored)
    names = tuple(METRICS[scored.task])
    measures = {_MODEL: measure(scored, names), _BASELINE: measure(baseline, names)}
    measures |= {at: measure_part(part, scored, primary) for at, part in enumerate(parts) if is_large(part)}
    draws = resample(measures, scored.groups, params)
    level = params.confidence
    metrics = _metrics(scored, draws[_MODEL], draws[_BASELINE], level)
    if primary not in (each.name for each in metrics):
        raise DataError(
            f"The primary metric {primary} is undefined on the holdout's {len(scored.target):,} rows: their "
            "target does not vary. Hold out more (split.holdout in params.yaml), or look at the target in dataset.py."
        )
    found = Evaluation(
        primary=primary,
        confidence=level,
        rows=len(scored.target),
        groups=scored.groups,
        metrics=metrics,
        slices=tuple(describe(part, scored, primary, draws.get(at, {}), level) for at, part in enumerate(parts)),
    )
    return rounded(found)


def _check(scored: Scored) -> None:
    if scored.groups < 2:
        raise DataError(
            f"The holdout's {len(scored.target):,} rows form {scored.groups} group(s); an interval needs two "
            "at least. Choose a finer group in dataset.py, or hold out more (split.holdout in params.yaml)."
        )
    if scored.task is not Task.REGRESSION and len(np.unique(scored.target)) < 2:
        raise DataError(
            f"All {len(scored.target):,} rows of the holdout have the class "
            f"{scored.classes[scored.target[0]]!r}, so nothing can be told apart. Hold out more "
            "(split.holdout in params.yaml), or look at the target in dataset.py."
        )


def _metrics(
    scored: Scored, model: dict[str, Draws], baseline: dict[str, Draws], confidence: float
) -> tuple[Metric, ...]:
    found = []
    for name, kind in METRICS[scored.task].items():
        here = figure(model, name, scored.groups, confidence)
        if here is None:
            continue
        beside = {"baseline": figure(baseline, name, scored.groups, confidence)}
        if kind.better:
            loss, reference = _losses(kind, model[name]), _losses(kind, baseline[name])
            beside["improvement"] = interval(reference - loss, scored.groups, confidence)
            beside["skill"] = interval(1 - ratio(loss, reference), scored.groups, confidence)
        found.append(Metric(name=name, value=here.value, low=here.low, high=here.high, **beside))
    return tuple(found)


def _losses(kind: Kind, values: Draws) -> Draws:
    """Values turned so that less is better."""
    return 1 - values if kind.better is Better.HIGHER else values
