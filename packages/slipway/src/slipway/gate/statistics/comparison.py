"""Compare candidate and production on the same holdout rows: as a whole, by metric and by slice."""

import msgspec
import numpy as np

from slipway.errors import GateError
from slipway.evaluation.intervals import Draws, metric_figure, percentile_interval, resample_groups
from slipway.evaluation.losses import group_sums, row_losses
from slipway.evaluation.metrics import METRICS, Better, MetricKind, prepare_metrics
from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import FEWEST_GROUPS, SlicePart
from slipway.figures import Figure
from slipway.gate.inputs import GateInputs
from slipway.gate.result import MetricComparison, SliceComparison
from slipway.gate.statistics.paired import (
    defined_difference,
    difference_interval,
    estimate_share,
    loss_difference,
    p_value_worse,
    prepare_losses,
    student_interval,
)
from slipway.params import EvaluateParams

# For a comparison without a `params.yaml`; only metrics that are not a mean over rows are resampled.
_RESAMPLES = EvaluateParams(resamples=2000, confidence=0.95, seed=7)
# A slice needs the spread of its resamples, not their outermost percentiles: 400 give it to 4 %.
_SLICE_RESAMPLES = 400
# Metrics that decide nothing may be coarser: 1000 give the end of an interval to 5 %, in half of the gate's time.
_TABLE_RESAMPLES = 1000


def improvement_over_production(inputs: GateInputs) -> Figure | None:
    """Compare the candidate's primary loss with production's (see `relative_improvement`); None without production."""
    return None if inputs.production is None else _improvement(inputs, inputs.production.scored)


def improvement_over_baseline(inputs: GateInputs) -> Figure:
    """Compare the candidate's primary loss with the trivial baseline's (see `relative_improvement`)."""
    return _improvement(inputs, inputs.baseline)


def _improvement(inputs: GateInputs, reference: Scored) -> Figure:
    scored, rules = inputs.candidate.scored, inputs.rules
    return relative_improvement(scored, reference, inputs.problem.metric, rules.level, inputs.params.evaluate)


def relative_improvement(
    candidate: Scored, production: Scored, primary: str, level: float, params: EvaluateParams = _RESAMPLES
) -> Figure:
    """Return production's primary loss less the candidate's, as a share of production's; above zero = better.

    The loss of a metric that should be high is its distance from 1. The interval is over groups, at `level`.
    Raises `GateError` where the two were not scored on the same rows, or the metric is undefined there.
    """
    _check_paired(candidate, production)
    return difference_interval(
        defined_difference(prepare_losses(candidate, primary, params), prepare_losses(production, primary, params)),
        level,
    )


def compare_slices(inputs: GateInputs) -> tuple[SliceComparison, ...]:
    """Compare every slice with enough rows and groups, in the order of `inputs.slices`; none without production."""
    if inputs.production is None:
        return ()
    _check_paired(inputs.candidate.scored, inputs.production.scored)
    params = _at_most(inputs.params.evaluate, _SLICE_RESAMPLES)
    found = (_slice_row(inputs, part, inputs.production.scored, params) for part in inputs.slices)
    return tuple(row for row in found if row is not None)


def compare_metrics(inputs: GateInputs) -> tuple[MetricComparison, ...]:
    """Compare every metric that is defined on the holdout: both models' values and the candidate's gain."""
    scored = inputs.candidate.scored
    names, level = tuple(METRICS[scored.task]), inputs.rules.level
    measures = {"candidate": prepare_metrics(scored, names)}
    if inputs.production:
        _check_paired(scored, inputs.production.scored)
        measures["production"] = prepare_metrics(inputs.production.scored, names)
    draws = resample_groups(measures, scored.groups, _at_most(inputs.params.evaluate, _TABLE_RESAMPLES))
    rows = []
    for name, kind in METRICS[scored.task].items():
        here = metric_figure(draws["candidate"], name, scored.groups, level)
        if here is None:
            continue
        beside = metric_figure(draws["production"], name, scored.groups, level) if inputs.production else None
        gain = _gain(inputs, name, kind, draws) if beside and kind.better else None
        rows.append(MetricComparison(metric=name, candidate=here, production=beside, difference=gain))
    return tuple(rows)


def _at_most(params: EvaluateParams, resamples: int) -> EvaluateParams:
    return msgspec.structs.replace(params, resamples=min(resamples, params.resamples))


def _slice_row(
    inputs: GateInputs, part: SlicePart, production: Scored, params: EvaluateParams
) -> SliceComparison | None:
    if len(part.rows) < inputs.rules.slice_rows:
        return None
    inside = restrict_rows(inputs.candidate.scored, part.rows)
    if inside.groups < FEWEST_GROUPS:
        return None
    primary = inputs.problem.metric
    found = loss_difference(
        prepare_losses(inside, primary, params), prepare_losses(restrict_rows(production, part.rows), primary, params)
    )
    if found is None:
        return None
    return SliceComparison(
        slice=part.slice,
        label=part.label,
        rows=len(part.rows),
        groups=inside.groups,
        # Student's interval for resamples too, so that interval and p value of a slice agree.
        difference=student_interval(found.value, found.error, found.groups, inputs.rules.level),
        p_value=p_value_worse(found),
    )


def _gain(inputs: GateInputs, name: str, kind: MetricKind, draws: dict[str, dict[str, Draws]]) -> Figure | None:
    """Return the candidate's gain in the metric's unit, with the same kind of interval as the verdict's."""
    assert inputs.production is not None
    scored, level = inputs.candidate.scored, inputs.rules.level
    sign = -1 if kind.better is Better.HIGHER else 1
    here = row_losses(scored).get(name)
    if here is None:
        saved = sign * (draws["production"][name] - draws["candidate"][name])
        return percentile_interval(saved, scored.groups, level)
    beside = row_losses(inputs.production.scored)[name]
    sums = group_sums(scored.group, scored.groups, sign * (beside - here), np.ones(len(here)))
    return student_interval(*estimate_share(sums[:, 0], sums[:, 1]), scored.groups, level)


def _check_paired(candidate: Scored, production: Scored) -> None:
    if candidate.groups != production.groups or not np.array_equal(candidate.group, production.group):
        raise GateError(
            f"Candidate and production are scored on different rows: {len(candidate.target):,} in {candidate.groups} "
            f"groups against {len(production.target):,} in {production.groups}. Score both again on the holdout that "
            "`dvc repro prepare` makes."
        )
