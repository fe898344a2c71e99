"""Compare the calibration of two models on the same groups.

The calibration error of one model is uncertain, because the outcomes of a group move together; the difference of two
models in the same groups is less so. The rows of each model are put into ranges of its score. A range
costs the Kullback-Leibler divergence of its observed share from its mean score: the log loss that calibration alone
would take away, in nats a row, so .995 where .80 is right costs far more than .70 does. The standard error of the
difference of two models' costs is that of its linearisation over groups.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.calibration import judged_probability
from slipway.evaluation.scored import Scored, Vector
from slipway.evaluation.slices import FEWEST_GROUPS
from slipway.evaluation.sums import group_sums
from slipway.gate.statistics.paired import estimate_share, p_value_worse, student_interval

# Scores at which ranges end: finer where they are extreme, and the odds change fast.
_TAIL = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
EDGES = (*_TAIL, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, *(1 - edge for edge in reversed(_TAIL)))


class ScoreRange(NamedTuple):
    """A range of scores: its number, its mean score and the observed share.

    `least` is the distance of the mean score from the nearer end of the share's interval, over groups and corrected for
    the number of ranges; 0 inside of it. `cost` is what the range costs, in nats a row of all. `beside` is the mean
    score of the other model on its rows, where there is one.
    """

    number: int
    score: float
    share: float
    least: float
    cost: float
    beside: float = float("nan")

    @property
    def farther(self) -> float:
        """Return by how much the mean score is farther from the share than the other model's on the same rows."""
        return abs(self.score - self.share) - abs(self.beside - self.share)


class Calibration(NamedTuple):
    """One model's calibration: the ranges that have rows, the number of each row's range, the cost of all.

    `spread` is what each group adds to the cost, linearised.
    """

    ranges: tuple[ScoreRange, ...]
    place: NDArray[np.intp]
    cost: float
    spread: Vector


class CalibrationGap(NamedTuple):
    """By how many nats a row the candidate's calibration costs more than production's, and the candidate's ranges.

    `p_value` is one-sided, of it costing no more.
    """

    value: float
    p_value: float
    ranges: tuple[ScoreRange, ...]


def compare_calibration(candidate: Scored, production: Scored, level: float) -> CalibrationGap:
    """Compare two models that score the same rows; intervals of shares are at `level`."""
    ours, theirs = measure_calibration(candidate, level), measure_calibration(production, level)
    value, groups = ours.cost - theirs.cost, candidate.groups
    error = float(np.sqrt(groups / max(1, groups - 1) * ((ours.spread - theirs.spread) ** 2).sum()))
    score, _ = judged_probability(production)
    ranges = tuple(each._replace(beside=float(score[ours.place == each.number].mean())) for each in ours.ranges)
    return CalibrationGap(value, float(p_value_worse(-value, error, groups)), ranges)


def measure_calibration(scored: Scored, level: float) -> Calibration:
    """Measure each range that has rows; intervals of shares are at `level`."""
    score, true = judged_probability(scored)
    place = np.searchsorted(EDGES, score)
    found, spread = [], np.zeros(scored.groups)
    every = group_sums(scored, np.ones(len(score)))[:, 0]
    used = np.unique(place).tolist()
    for number in used:
        inside = place == number
        rows, scores, outcomes = group_sums(scored, inside.astype(np.float64), score * inside, true * inside).T
        total = rows.sum()
        # Half a row keeps a share of exactly 0 or 1 from being endlessly far from every score.
        least = 0.5 / (total + 1)
        mean, share = (float(np.clip(sums.sum() / total, least, 1 - least)) for sums in (scores, outcomes))
        cost = share * np.log(share / mean) + (1 - share) * np.log((1 - share) / (1 - mean))
        by_share = np.log(share / mean) - np.log((1 - share) / (1 - mean))
        by_mean = (mean - share) / (mean * (1 - mean))
        weight = total / len(score)
        spread += by_share * (outcomes - share * rows) + by_mean * (scores - mean * rows)
        spread += cost * (rows - weight * every)
        distance = _least_distance(rows, scores, outcomes, 1 - (1 - level) / len(used))
        found.append(ScoreRange(number, mean, share, distance, weight * cost))
    return Calibration(tuple(found), place, sum(each.cost for each in found), spread / len(score))


def _least_distance(rows: Vector, scores: Vector, outcomes: Vector, level: float) -> float:
    """Return the distance from zero to the nearer end of the interval of mean score less share; 0 for few groups.

    The spread of few rows over groups may be small by chance: the binomial standard error is the least.
    """
    inside = rows > 0
    groups, total = int(inside.sum()), rows.sum()
    value, error = estimate_share((scores - outcomes)[inside], rows[inside])
    if groups < FEWEST_GROUPS or error is None:
        return 0.0
    score = scores.sum() / total
    end = student_interval(value, max(error, float(np.sqrt(score * (1 - score) / total))), groups, level)
    return max(0.0, end.low or 0.0, -(end.high or 0.0))
