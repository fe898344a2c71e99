"""Measure what the checks of calibration and of the mean prediction see in honest retrains."""

from collections.abc import Sequence

import numpy as np

from slipway.evaluation.scored import Scored, Vector
from slipway.gate.rules import GateRules
from slipway.gate.statistics.calibration import calibration_interval, least_mean_error, mean_prediction
from slipway.gate.statistics.calibration_gap import CalibrationGap, compare_calibration
from slipway.params import EvaluateParams
from slipway.problem import Task


def mean_distances(honest: Sequence[Scored], rules: GateRules) -> Vector:
    """Return how far each candidate's mean (first axis) lies from each production's, as the check measures it."""
    means = np.array([mean_prediction(each) for each in honest])
    errors = np.array([least_mean_error(each, rules.level) for each in honest])
    apart = np.abs(means[:, None] - means[None]).max(axis=2)
    # A production that is off itself is no reference: the base rate is.
    return np.where(errors[None] <= rules.mean, apart, errors[:, None])


def compare_neighbours(honest: Sequence[Scored], level: float) -> list[CalibrationGap]:
    """Compare each retrain's calibration with that of the next one, in both roles: all pairs would take hours."""
    pairs = zip(honest, [*honest[1:], honest[0]], strict=True)
    return [compare_calibration(*pair, level) for one, other in pairs for pair in ((one, other), (other, one))]


def calibration_lows(honest: Sequence[Scored], rules: GateRules, params: EvaluateParams) -> Vector:
    """Return the lower end of each retrain's calibration error, infinite where it is unknown; 0 for a regression."""
    if honest[0].task is Task.REGRESSION:
        return np.zeros(len(honest))
    found = (calibration_interval(each, rules.level, params) for each in honest)
    return np.array([np.inf if each is None or each.low is None else each.low for each in found])
