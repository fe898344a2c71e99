"""Compare candidate and production on the same holdout rows: as a whole, by metric and by slice."""

from collections.abc import Sequence

import msgspec
import numpy as np

from slipway.errors import GateError
from slipway.evaluation.holdout import resample_metrics
from slipway.evaluation.intervals import Draws, metric_figure, percentile_interval
from slipway.evaluation.metrics import METRICS
from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import FEWEST_GROUPS, SlicePart, pool_small_parts
from slipway.evaluation.sums import group_sums, row_losses
from slipway.figures import Figure
from slipway.gate.result import MetricComparison, SliceComparison
from slipway.gate.rules import GateRules
from slipway.gate.statistics.paired import (
    Difference,
    defined_difference,
    difference_interval,
    estimate_share,
    loss_difference,
    p_value_worse,
    prepare_losses,
    student_interval,
)
from slipway.params import EvaluateParams

# A slice needs the spread of its resamples, not their outermost percentiles: 400 give it to 4 %.
_SLICE_RESAMPLES = 400
# Metrics that decide nothing may be coarser: 1000 give the end of an interval to 5 %, in half of the gate's time.
_TABLE_RESAMPLES = 1000


def relative_improvement(
    candidate: Scored, production: Scored, primary: str, level: float, params: EvaluateParams
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


def compare_slices(
    candidate: Scored,
    production: Scored,
    slices: Sequence[SlicePart],
    primary: str,
    rules: GateRules,
    params: EvaluateParams,
) -> tuple[SliceComparison, ...]:
    """Compare every part of a slice in their order; those with too few rows or groups together (`OTHERS`)."""
    _check_paired(candidate, production)
    few = _at_most(params, _SLICE_RESAMPLES)
    found = []
    for part in pool_small_parts(slices, candidate.group, rules.slice_rows):
        inside, beside = (restrict_rows(side, part.rows) for side in (candidate, production))
        compared = compare_part(inside, beside, primary, rules, few)
        if compared is None:
            continue
        found.append(
            SliceComparison(
                slice=part.slice,
                label=part.label,
                rows=len(part.rows),
                groups=inside.groups,
                # Student's interval for resamples too, so that interval and p value of a slice agree.
                difference=student_interval(compared.value, compared.error, compared.groups, rules.level),
                p_value=float(p_value_worse(compared.value, compared.error, compared.groups)),
                margin=rules.margin_of(part.slice, part.label),
            )
        )
    return tuple(found)


def compare_part(
    candidate: Scored, production: Scored, primary: str, rules: GateRules, params: EvaluateParams
) -> Difference | None:
    """Compare two models on the rows of one part; None for too few rows or groups, or an undefined metric."""
    if len(candidate.target) < rules.slice_rows or candidate.groups < FEWEST_GROUPS:
        return None
    return loss_difference(prepare_losses(candidate, primary, params), prepare_losses(production, primary, params))


def compare_metrics(
    candidate: Scored,
    production: Scored | None,
    level: float,
    params: EvaluateParams,
    draws: dict[str, Draws] | None = None,
) -> tuple[MetricComparison, ...]:
    """Compare every metric that is defined on the holdout: both models' values and the candidate's gain.

    `draws` are the candidate's, where `resample_metrics` has made them already.
    """
    groups, few = candidate.groups, _at_most(params, _TABLE_RESAMPLES)
    ours, theirs = draws or resample_metrics(candidate, few), dict[str, Draws]()
    if production:
        _check_paired(candidate, production)
        theirs = resample_metrics(production, few)
    rows = []
    for name, kind in METRICS[candidate.task].items():
        here = metric_figure(ours, name, groups, level)
        if here is None:
            continue
        beside = metric_figure(theirs, name, groups, level) if production else None
        gain = None
        if production and beside and kind.better:
            # The first resamples are the same, however many follow.
            saved = kind.losses(theirs[name]) - kind.losses(ours[name][: len(theirs[name])])
            gain = _mean_gain(candidate, production, name, level) or percentile_interval(saved, groups, level)
        rows.append(MetricComparison(metric=name, candidate=here, production=beside, difference=gain))
    return tuple(rows)


def _at_most(params: EvaluateParams, resamples: int) -> EvaluateParams:
    return msgspec.structs.replace(params, resamples=min(resamples, params.resamples))


def _mean_gain(candidate: Scored, production: Scored, name: str, level: float) -> Figure | None:
    """Return the gain of a mean over rows with the same kind of interval as the verdict's; None for other metrics."""
    here = row_losses(candidate).get(name)
    if here is None:
        return None
    kind = METRICS[candidate.task][name]
    saved = kind.losses(row_losses(production)[name]) - kind.losses(here)
    sums = group_sums(candidate, saved, np.ones(len(here)))
    return student_interval(*estimate_share(sums[:, 0], sums[:, 1]), candidate.groups, level)


def _check_paired(candidate: Scored, production: Scored) -> None:
    if candidate.groups != production.groups or not np.array_equal(candidate.group, production.group):
        raise GateError(
            f"Candidate and production are scored on different rows: {len(candidate.target):,} in {candidate.groups} "
            f"groups against {len(production.target):,} in {production.groups}. Score both again on the holdout that "
            "`dvc repro prepare` makes."
        )
