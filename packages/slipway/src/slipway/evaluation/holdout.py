"""Evaluate a bundle on the holdout: metrics with intervals, the trivial baseline on the same rows, and slices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from slipway.errors import DataError
from slipway.evaluation.intervals import Draws, metric_figure, percentile_interval, resample_groups
from slipway.evaluation.metrics import METRICS, prepare_metrics, verify_primary_metric
from slipway.evaluation.model_card import verify_card
from slipway.evaluation.result import Evaluation, Metric, find_metric, round_evaluation
from slipway.evaluation.scored import (
    Scored,
    ScoringBundle,
    constant_baseline,
    encode_target,
    score_frame,
    verify_bundle_problem,
)
from slipway.evaluation.slices import SlicePart, describe_slice, is_large, prepare_slice_metrics
from slipway.evaluation.sums import ratio
from slipway.params import EvaluateParams
from slipway.problem import Problem, ProblemFacts, Task

if TYPE_CHECKING:
    import pandas as pd

# Keys of the two measures of all rows; parts are keyed by their position.
_MODEL, _BASELINE = -1, -2


def verify_evaluable(problem: Problem) -> None:
    """Raise `ProblemError` for a primary metric that the gate cannot judge, or an empty field of the model card."""
    verify_primary_metric(problem)
    verify_card(problem.card)


def score_holdout(
    bundle: ScoringBundle, problem: Problem | ProblemFacts, train: "pd.DataFrame", holdout: "pd.DataFrame"
) -> tuple[Scored, Scored]:
    """Score the holdout by the bundle and by the trivial baseline of the training set.

    Raises `BundleError` for a bundle of another problem, and the errors of `score_frame`.
    """
    verify_bundle_problem(bundle, problem)
    scored = score_frame(bundle, holdout)
    return scored, constant_baseline(scored, encode_target(problem.task, scored.classes, train["target"]))


def resample_metrics(scored: Scored, params: EvaluateParams) -> dict[str, Draws]:
    """Compute every metric of the task over all rows, and in each resample of the groups."""
    measures = {_MODEL: prepare_metrics(scored, tuple(METRICS[scored.task]))}
    return resample_groups(measures, scored.groups, params)[_MODEL]


def evaluate_holdout(
    scored: Scored,
    baseline: Scored,
    primary: str,
    params: EvaluateParams,
    parts: Sequence[SlicePart] = (),
    draws: dict[str, Draws] | None = None,
) -> Evaluation:
    """Evaluate a model and a `baseline` on the holdout by every metric of the task.

    `draws` are the model's, where `resample_metrics` has made them already. Numbers are rounded to six significant
    digits. Raises `DataError` for rows of one class or one group, and where the primary metric is undefined.
    """
    _check(scored)
    found = evaluate_rows(scored, baseline, primary, params, parts, draws=draws)
    if find_metric(found, primary) is None:
        raise DataError(
            f"The primary metric {primary} is undefined on the holdout's {len(scored.target):,} rows: their "
            "target does not vary. Hold out more (split.holdout in params.yaml), or look at the target in dataset.py."
        )
    return round_evaluation(found)


def evaluate_rows(
    scored: Scored,
    baseline: Scored,
    primary: str,
    params: EvaluateParams,
    parts: Sequence[SlicePart] = (),
    names: Sequence[str] = (),
    draws: dict[str, Draws] | None = None,
) -> Evaluation:
    """Evaluate a model and a `baseline` on the same rows by the metrics `names`, all of the task if there are none.

    All metrics share the same resamples; one that is undefined on these rows is left out.
    """
    names = names or tuple(METRICS[scored.task])
    measures = {at: prepare_slice_metrics(part, scored, primary) for at, part in enumerate(parts) if is_large(part)}
    measures |= {_BASELINE: prepare_metrics(baseline, names)}
    measures |= {} if draws else {_MODEL: prepare_metrics(scored, names)}
    found = resample_groups(measures, scored.groups, params)
    level = params.confidence
    return Evaluation(
        primary=primary,
        confidence=level,
        rows=len(scored.target),
        groups=scored.groups,
        metrics=_metrics(scored, draws or found[_MODEL], found[_BASELINE], level),
        slices=tuple(describe_slice(part, scored, primary, found.get(at, {}), level) for at, part in enumerate(parts)),
    )


def _check(scored: Scored) -> None:
    if scored.groups < 2:
        raise DataError(
            f"The holdout's {len(scored.target):,} rows form {scored.groups} group(s); an interval needs at least two. "
            "Choose a finer group in dataset.py, or hold out more (split.holdout in params.yaml)."
        )
    if scored.task is not Task.REGRESSION and len(np.unique(scored.target)) < 2:
        raise DataError(
            f"All {len(scored.target):,} rows of the holdout have the class "
            f"{scored.classes[scored.target[0]]!r}, so no metric is defined. Hold out more "
            "(split.holdout in params.yaml), or look at the target in dataset.py."
        )


def _metrics(
    scored: Scored, model: dict[str, Draws], baseline: dict[str, Draws], confidence: float
) -> tuple[Metric, ...]:
    found = []
    for name, kind in METRICS[scored.task].items():
        if name not in model:
            continue
        here = metric_figure(model, name, scored.groups, confidence)
        if here is None:
            continue
        beside = {"baseline": metric_figure(baseline, name, scored.groups, confidence)}
        if kind.better:
            loss, reference = kind.losses(model[name]), kind.losses(baseline[name])
            beside["improvement"] = percentile_interval(reference - loss, scored.groups, confidence)
            beside["skill"] = percentile_interval(1 - ratio(loss, reference), scored.groups, confidence)
        found.append(Metric(name=name, value=here.value, low=here.low, high=here.high, **beside))
    return tuple(found)
