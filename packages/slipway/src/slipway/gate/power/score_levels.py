"""Measure what the checks of calibration and of the mean prediction see in honest retrains."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.calibration import judged_probability
from slipway.evaluation.scored import Scored, Vector
from slipway.gate.rules import GateRules
from slipway.gate.statistics.calibration import calibration_interval, least_mean_error, mean_prediction
from slipway.gate.statistics.calibration_gap import measure_calibration
from slipway.gate.statistics.paired import p_value_worse
from slipway.params import EvaluateParams
from slipway.problem import Task


def mean_distances(honest: Sequence[Scored], rules: GateRules) -> Vector:
    """Return how far each candidate's mean (first axis) lies from each production's, as the check measures it."""
    means = np.array([mean_prediction(each) for each in honest])
    errors = np.array([least_mean_error(each, rules.level) for each in honest])
    apart = np.abs(means[:, None] - means[None]).max(axis=2)
    # A production that is off itself is no reference: the base rate is.
    return np.where(errors[None] <= rules.mean, apart, errors[:, None])


class CalibrationPairs(NamedTuple):
    """The calibration of every candidate (first axis) beside every production's, as `compare_calibration` has it.

    `costs` are the differences of their costs with their `p_values`; `farther` is by how much the candidate's range
    that is most off is farther off, 0 where none is off significantly.
    """

    costs: Vector
    p_values: Vector
    farther: Vector


def compare_calibrations(honest: Sequence[Scored], level: float) -> CalibrationPairs:
    """Compare every retrain's calibration with every other's."""
    measured, groups = [measure_calibration(each, level) for each in honest], honest[0].groups
    cost, spread = np.array([each.cost for each in measured]), np.array([each.spread for each in measured])
    costs = cost[:, None] - cost[None]
    squares = ((spread[:, None] - spread[None]) ** 2).sum(axis=2)
    scores = np.array([judged_probability(each)[0] for each in honest])
    farther = np.zeros_like(costs)
    for at, each in enumerate(measured):
        for part in each.ranges:
            if part.least:
                beside = np.abs(scores[:, each.place == part.number].mean(axis=1) - part.share)
                off = np.minimum(part.least, np.abs(part.score - part.share) - beside)
                farther[at] = np.maximum(farther[at], off)
    return CalibrationPairs(
        costs, p_value_worse(-costs, np.sqrt(groups / max(1, groups - 1) * squares), groups), farther
    )


def calibration_refused(pairs: CalibrationPairs, better: NDArray[np.bool_], rules: GateRules) -> NDArray[np.bool_]:
    """Return for every candidate and production whether their comparison fails; `better` are significantly better."""
    costly = (pairs.costs > rules.calibration_cost) & (pairs.p_values <= 1 - rules.level) & ~better
    return np.asarray(costly | (pairs.farther > rules.calibration_margin))


def calibration_lows(honest: Sequence[Scored], rules: GateRules, params: EvaluateParams) -> Vector:
    """Return the lower end of each retrain's calibration error, infinite where it is unknown; 0 for a regression."""
    if honest[0].task is Task.REGRESSION:
        return np.zeros(len(honest))
    found = (calibration_interval(each, rules.level, params) for each in honest)
    return np.array([np.inf if each is None or each.low is None else each.low for each in found])
