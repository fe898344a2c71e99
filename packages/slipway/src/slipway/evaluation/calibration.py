"""Measure how well probabilities are calibrated: the expected calibration error and the bins behind it.

Rows are put into bins of equal size by score (equal scores stay together); the error is the mean over rows of
the distance between the mean score and the observed share in the bin (Naeini, Cooper and Hauskrecht,
AAAI 2015). Bins of equal size are less biased than bins of equal width (Roelofs et al., AISTATS 2022). For
several classes it is the error of the top class's probability (Guo et al., ICML 2017).
"""

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.sums import Measure, group_sums, ratio
from slipway.problem import Task

BINS = 10
# The key of the measure that `intervals` reads beside the error.
CALIBRATION_DISTANCE = "calibration_distance"


def calibration_error(scored: Scored) -> Measure:
    """Measure the calibration error, and `calibration_distance`: how far a resample's bins lie from all rows' bins.

    A resample adds noise to every bin, so its error is too large: a percentile interval of a calibrated model
    lies above zero always. The error is a norm, so by the triangle inequality it differs from the true one by
    no more than the distance between the bins: that distance gives the lower end of the interval.
    """
    score, true = judged_probability(scored)
    bins = bin_of(score)
    cells = scored.group * BINS + bins
    excess = np.bincount(cells, weights=score - true, minlength=scored.groups * BINS).reshape(scored.groups, BINS)
    rows = group_sums(scored, np.ones(len(score)))
    centre = excess.sum(axis=0) / max(1, len(score))

    def measure(weights: Vector) -> dict[str, Vector]:
        shares = ratio(weights @ excess, np.broadcast_to(weights @ rows, (len(weights), BINS)))
        return {
            "calibration_error": np.abs(shares).sum(axis=1),
            CALIBRATION_DISTANCE: np.abs(shares - centre).sum(axis=1),
        }

    return measure


def judged_probability(scored: Scored) -> tuple[Vector, Vector]:
    """Return the probability that is judged (of the last class, or of the top one) and 1 where it came true, else 0."""
    if scored.task is Task.BINARY:
        return scored.scores, (scored.target == 1).astype(np.float64)
    return scored.scores.max(axis=1), (scored.scores.argmax(axis=1) == scored.target).astype(np.float64)


def bin_of(score: Vector) -> NDArray[np.intp]:
    """Return the bin of each row, 0 to `BINS` - 1 by rising score; equal scores may leave bins empty."""
    edges = np.unique(np.quantile(score, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    return np.searchsorted(edges, score)
