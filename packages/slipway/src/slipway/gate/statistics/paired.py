"""Compare two models on the same rows: the share of one's loss that the other takes away, with its standard error.

Where the loss is a mean over rows, the sums of each group are all that matters: the difference is a ratio of two sums
over groups, its variance that of the linearised ratio (Cochran, Sampling Techniques, 1977, section 6.4; for clusters:
Cameron and Miller, Journal of Human Resources 50, 2015), its interval Student's with one degree of freedom less than
groups. Every other metric is computed again in resamples of whole groups, the same for both models.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slipway.errors import GateError
from slipway.evaluation.intervals import percentile_interval, resample_groups
from slipway.evaluation.metrics import METRICS, prepare_metrics
from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import group_sums, row_losses
from slipway.figures import Figure
from slipway.params import EvaluateParams

# The probability with which a loss that counts as seen is refused.
TARGET_POWER = 0.95


class Losses(NamedTuple):
    """One model's loss: its sum in each group, or its value over all rows and then in each resample of the groups."""

    groups: int
    sums: Vector | None = None
    draws: Vector | None = None


class Difference(NamedTuple):
    """The share of production's loss that the candidate takes away; below zero it adds.

    `error` is the standard error over groups, None where there are too few groups.
    """

    value: float
    error: float | None
    groups: int
    draws: Vector | None = None


def prepare_losses(scored: Scored, primary: str, params: EvaluateParams) -> Losses:
    """Prepare a metric for comparison; one that should be high is turned into its distance from 1."""
    kind = METRICS[scored.task][primary]
    rows = row_losses(scored).get(primary)
    if rows is not None:
        return Losses(scored.groups, sums=group_sums(scored, kind.losses(rows))[:, 0])
    draws = resample_groups({primary: prepare_metrics(scored, [primary])}, scored.groups, params)[primary][primary]
    return Losses(scored.groups, draws=kind.losses(draws))


def loss_difference(candidate: Losses, production: Losses) -> Difference | None:
    """Compare two models' losses on the same rows; None where the metric is undefined."""
    if candidate.sums is not None and production.sums is not None:
        saved = production.sums - candidate.sums
        whole = production.sums
        if not whole.any():
            # Production has no loss to take a share of: whatever the candidate adds counts as one whole.
            whole = np.full(len(saved), candidate.sums.mean())
        return Difference(*estimate_share(saved, whole), candidate.groups)
    if candidate.draws is None or production.draws is None:
        return None
    draws = _share_by_resample(candidate.draws, production.draws)
    if not math.isfinite(draws[0]):
        return None
    defined = draws[1:][np.isfinite(draws[1:])]
    error = float(defined.std(ddof=1)) if len(defined) > 1 and candidate.groups > 1 else None
    return Difference(float(draws[0]), error, candidate.groups, draws)


def defined_difference(candidate: Losses, production: Losses) -> Difference:
    """Compare two models' losses where the metric must be defined; raises `GateError` where it is not."""
    found = loss_difference(candidate, production)
    if found is None:
        raise GateError(
            f"Cannot compare: the primary metric is undefined on the holdout's {candidate.groups:,} groups. Hold out "
            "more (split.holdout in params.yaml), or look at the target in dataset.py."
        )
    return found


def estimate_share(part: Vector, whole: Vector) -> tuple[float, float | None]:
    """Estimate the sum of `part` as a share of the sum of `whole`, and its standard error; 0 where `whole` is 0."""
    if not whole.sum():
        return 0.0, 0.0
    values, errors = estimate_shares(part[None], whole)
    return float(values[0]), float(errors[0]) if len(whole) > 1 else None


def estimate_shares(parts: Vector, whole: Vector) -> tuple[Vector, Vector]:
    """Estimate many shares at once: `parts` has shape (number, groups), and `whole` has a sum other than 0."""
    total, groups = whole.sum(), len(whole)
    values = parts.sum(axis=1) / total
    rest = parts - values[:, None] * whole
    return values, np.sqrt(groups / max(1, groups - 1) * (rest**2).sum(axis=1)) / abs(total)


def difference_interval(found: Difference, level: float) -> Figure:
    """Return the difference with its interval: Student's, or the percentiles of its resamples."""
    if found.draws is not None:
        return percentile_interval(found.draws, found.groups, level) or Figure(value=found.value)
    return student_interval(found.value, found.error, found.groups, level)


def student_interval(value: float, error: float | None, groups: int, level: float) -> Figure:
    """Return Student's interval of a value estimated from `groups` groups."""
    if error is None:
        return Figure(value=value)
    half = critical_value(groups, (1 - level) / 2) * error
    return Figure(value=value, low=value - half, high=value + half)


def critical_value(groups: int, tail: float) -> float:
    """Return the number of standard errors beyond which Student's distribution has `tail` on one side."""
    from scipy.special import stdtrit

    return -float(stdtrit(groups - 1, tail))


def smallest_seen_loss(error: float, groups: int, margin: float, level: float) -> float:
    """Return the loss below which no worse model is refused with a probability of `TARGET_POWER`, whatever its cause.

    `error` is the standard error of the comparison, by which estimates are spread around the truth. A model that is
    worse in some groups only has a larger error, and has to be worse still.
    """
    refused = max(margin, critical_value(groups, 1 - level) * error)
    return refused + critical_value(groups, 1 - TARGET_POWER) * error


def p_value_worse(values: Vector | float, errors: Vector | float | None, groups: int) -> Vector:
    """Return one-sided p values of the candidate being no worse; 1 without a difference or a standard error."""
    from scipy.special import stdtr

    values, errors = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    steps = np.divide(values, errors, out=np.full_like(values, np.inf), where=errors > 0)
    steps[(errors == 0) & (values < 0)] = -np.inf
    return np.asarray(stdtr(groups - 1, steps), dtype=np.float64)


def adjust_holm(p_values: Sequence[float] | Vector) -> Vector:
    """Return Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979), in the order given."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    return adjusted


def _share_by_resample(candidate: Vector, production: Vector) -> Vector:
    """Compare resample by resample; a loss where production has none counts as one whole."""
    defined = np.isfinite(candidate) & np.isfinite(production)
    some = defined & (production > 0)
    found = np.where(defined, -(candidate > 0).astype(np.float64), np.nan)
    found[some] = 1 - candidate[some] / production[some]
    return found
