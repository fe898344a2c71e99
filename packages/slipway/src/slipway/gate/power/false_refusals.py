"""Measure how often the gate refuses an honest retrain: every one against every other, in both roles."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Scored, Vector, restrict_rows
from slipway.evaluation.slices import SlicePart
from slipway.gate.power.score_levels import (
    calibration_lows,
    calibration_refused,
    compare_calibrations,
    mean_distances,
)
from slipway.gate.rules import GateRules
from slipway.gate.statistics.paired import (
    Losses,
    adjust_holm,
    critical_value,
    defined_difference,
    estimate_shares,
    p_value_worse,
    prepare_losses,
)
from slipway.params import EvaluateParams
from slipway.problem import Task


class PartSpread(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a slice: the standard deviation of the relative difference of two retrains in it."""

    slice: str
    label: str
    rows: int
    spread: float


class FalseRefusals(msgspec.Struct, frozen=True, kw_only=True):
    """Honest retrains against each other: `refused` of `pairs` (ordered: each retrain in both roles).

    `by_whole`, `by_slice`, `by_mean` and `by_calibration` count the refusals of each check. The true rate is at most
    `likely` at 95 % confidence by the jackknife (Arvesen, Annals of Mathematical Statistics 40, 1969), which needs some
    refusals to learn from; and at most `bound` whatever the cause, which counts only as many pairs as are independent.
    `unluckiest` is the largest share of candidates that any retrain in production refused. `spread` is the standard
    deviation of the relative difference of two retrains, `largest` the largest one, `half_width` the median half of the
    interval.
    """

    retrains: int
    pairs: int
    refused: int
    by_whole: int
    by_slice: int
    by_mean: int
    by_calibration: int
    likely: float | None
    bound: float
    unluckiest: float
    spread: float
    largest: float
    half_width: float
    parts: tuple[PartSpread, ...]


class Pairs(NamedTuple):
    """Relative differences of every candidate (first axis) to every production, and their errors over groups."""

    values: Vector
    errors: Vector
    groups: int


class Compared(NamedTuple):
    """Every honest retrain compared with every other: on the whole holdout, and in each of `parts`."""

    honest: Sequence[Scored]
    parts: Sequence[SlicePart]
    whole: Pairs
    inside: Sequence[Pairs]


def compare_retrains(
    honest: Sequence[Scored], parts: Sequence[SlicePart], primary: str, params: EvaluateParams
) -> Compared:
    """Compare every honest retrain with every other, as a whole and slice by slice."""
    inside = ([restrict_rows(each, part.rows) for each in honest] for part in parts)
    whole, *slices = (
        compare_all([prepare_losses(each, primary, params) for each in models]) for models in (honest, *inside)
    )
    return Compared(honest, parts, whole, slices)


def count_false_refusals(compared: Compared, rules: GateRules, params: EvaluateParams) -> FalseRefusals:
    """Count which of the comparisons the checks refuse."""
    honest, parts, whole, slices = compared
    number = len(honest)
    by_whole = (whole.values < -rules.margin) & (p_value_worse(*whole) < 1 - rules.level)
    margins = [rules.margin_of(part.slice, part.label) for part in parts]
    by_slice = _slice_refused(slices, margins, rules) if slices else np.zeros_like(by_whole)
    others = ~np.eye(number, dtype=bool)
    by_mean = (mean_distances(honest, rules) > rules.mean) & others
    by_calibration = (calibration_lows(honest, rules, params) > rules.calibration)[:, None] & others
    if honest[0].task is not Task.REGRESSION:
        better = whole.values > critical_value(whole.groups, (1 - rules.level) / 2) * whole.errors
        by_calibration |= calibration_refused(compare_calibrations(honest, rules.level), better, rules) & others
    refused = by_whole | by_slice | by_mean | by_calibration
    return FalseRefusals(
        retrains=number,
        pairs=number * (number - 1),
        refused=int(refused.sum()),
        by_whole=int(by_whole.sum()),
        by_slice=int(by_slice.sum()),
        by_mean=int(by_mean.sum()),
        by_calibration=int(by_calibration.sum()),
        likely=_jackknifed(refused) if number > 2 and refused.any() else None,
        bound=upper_bound(float(refused[others].mean()), number // 2),
        unluckiest=float((refused.sum(axis=0) / (number - 1)).max()),
        spread=pair_spread(whole),
        largest=float(np.abs(whole.values).max()),
        half_width=critical_value(whole.groups, (1 - rules.level) / 2) * median_error(whole),
        parts=tuple(
            PartSpread(slice=part.slice, label=part.label, rows=len(part.rows), spread=pair_spread(pairs))
            for part, pairs in zip(parts, slices, strict=True)
        ),
    )


def upper_bound(rate: float, pairs: int) -> float:
    """Return the largest true rate that gives `rate` or less a chance of 5 % in independent `pairs`, by Chernoff.

    The mean over all pairs of retrains, each pair of which shares models with others, is bounded as if it were that
    of half as many independent pairs as there are retrains (Hoeffding, Journal of the American Statistical
    Association 58, 1963, section 5). Where none was refused the bound is 3 / pairs.
    """
    from scipy.special import rel_entr

    if not pairs:
        return 1.0
    enough = -math.log(0.05)
    grid = np.linspace(rate, 1, 100_001)
    surprise = pairs * (rel_entr(rate, grid) + rel_entr(1 - rate, 1 - grid))
    return float(grid[np.searchsorted(surprise, enough)]) if surprise[-1] > enough else 1.0


def _jackknifed(refused: NDArray[np.bool_]) -> float:
    """Return the upper end of the rate at 95 %, from what each retrain changes when left out in both roles."""
    number = len(refused)
    total = refused.sum()
    left = (total - refused.sum(axis=0) - refused.sum(axis=1)) / ((number - 1) * (number - 2))
    error = math.sqrt((number - 1) / number * float(((left - left.mean()) ** 2).sum()))
    return min(1.0, float(total / (number * (number - 1))) + critical_value(number, 0.05) * error)


def pair_spread(pairs: Pairs) -> float:
    """Return the standard deviation of the difference of two retrains, whose mean is 0."""
    number = len(pairs.values)
    return float(np.sqrt((pairs.values**2).sum() / (number * (number - 1))))


def median_error(pairs: Pairs) -> float:
    """Return the median standard error of the difference of two retrains."""
    return float(np.median(pairs.errors[~np.eye(len(pairs.errors), dtype=bool)]))


def compare_all(each: Sequence[Losses]) -> Pairs:
    """Compare the losses of every model with those of every other, in both roles."""
    values, errors = np.zeros((2, len(each), len(each)))
    sums = np.array([losses.sums for losses in each if losses.sums is not None])
    for beside, production in enumerate(each):
        if production.sums is not None and production.sums.any():
            values[:, beside], errors[:, beside] = estimate_shares(production.sums - sums, production.sums)
            continue
        for at, candidate in enumerate(each):
            found = defined_difference(candidate, production)
            values[at, beside], errors[at, beside] = found.value, found.error or 0.0
    return Pairs(values, errors, each[0].groups)


def _slice_refused(slices: Sequence[Pairs], margins: Sequence[float], rules: GateRules) -> NDArray[np.bool_]:
    """Return for every candidate and production whether `no_slice_worse` refuses."""
    below = np.array([each.values < -margin for each, margin in zip(slices, margins, strict=True)])
    p_values = np.array([p_value_worse(*each) for each in slices])
    refused = np.zeros(below.shape[1:], dtype=bool)
    # Only where a slice lies below its margin can Holm's procedure matter.
    for at, beside in np.argwhere(below.any(axis=0)):
        significant = adjust_holm(p_values[:, at, beside]) <= rules.slice_level
        refused[at, beside] = (significant & below[:, at, beside]).any()
    return refused
