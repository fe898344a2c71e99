"""Measure how small a loss the gate finds, by mixing an honest retrain with a worse model in growing shares.

Another holdout is simulated by drawing as many whole groups from this one, with repetition; each is judged as the gate
judges. A formula with one standard error would be wrong: a model that is worse on some days only has a larger error
than one that is a little worse everywhere.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

from slipway.evaluation.scored import Scored, Vector
from slipway.gate.power.retrains import WorseModel
from slipway.gate.rules import GateRules
from slipway.gate.statistics.paired import TARGET_POWER, Losses, critical_value, defined_difference, prepare_losses
from slipway.params import EvaluateParams

# Sizes of a holdout, relative to the present one.
SIZES = (1.0, 1.5, 2.0, 3.0)
# The true loss that the gate should find with that probability.
ASKED = 0.03
# Shares of the worse model in the mixture, from nearly honest to all of it.
_STEPS = np.linspace(0, 1, 51)[1:]
# The standard error of a probability near 95 % is then half a per cent.
_HOLDOUTS = 2000


class DetectableLoss(msgspec.Struct, frozen=True, kw_only=True):
    """A worse model: its relative loss, the probability that it is refused, the shift of its mean score.

    `asked` is the probability that a loss of `ASKED` is refused, None where the model loses less. `smallest` is the
    least relative loss that is found with 95 % probability for each of `SIZES`, None where even the model itself is
    found less often.
    """

    name: str
    loss: float
    found: float
    shift: float
    asked: float | None
    smallest: tuple[float | None, ...]


def measure_detection(
    worse: WorseModel, honest: Scored, primary: str, rules: GateRules, params: EvaluateParams
) -> DetectableLoss:
    """Mix an honest retrain with a worse model, compare with the retrain, and find from which loss it is refused."""
    production = prepare_losses(honest, primary, params)
    steps = (honest.scores + share * (worse.scores - honest.scores) for share in _STEPS)
    candidates = [prepare_losses(msgspec.structs.replace(honest, scores=scores), primary, params) for scores in steps]
    lost = [-defined_difference(each, production).value for each in candidates]
    chances = {size: [refusal_probability(each, production, rules, size) for each in candidates] for size in SIZES}
    return DetectableLoss(
        name=worse.name,
        loss=lost[-1],
        found=chances[1.0][-1],
        shift=float(np.abs((worse.scores - honest.scores).mean(axis=0)).max()),
        asked=float(np.interp(ASKED, lost, chances[1.0])) if lost[-1] >= ASKED else None,
        smallest=tuple(smallest_detected_loss(lost, chances[size]) for size in SIZES),
    )


def refusal_probability(candidate: Losses, production: Losses, rules: GateRules, size: float = 1.0) -> float:
    """Return the probability that `not_worse` refuses the candidate on another holdout `size` times as large."""
    groups = max(2, round(size * candidate.groups))
    reach = critical_value(groups, 1 - rules.level)
    if candidate.sums is None or production.sums is None or not production.sums.any():
        found = defined_difference(candidate, production)
        if found.draws is None or not found.error:
            return float(found.value < -rules.margin)
        # The error in each resample is unknown; the overall one stands for all.
        narrower = math.sqrt(candidate.groups / groups)
        values = found.value + (found.draws[1:] - found.value) * narrower
        return float((values < -max(rules.margin, reach * found.error * narrower)).mean())
    saved, whole = production.sums - candidate.sums, production.sums
    columns = np.stack([saved, whole, saved**2, saved * whole, whole**2], axis=1)
    part, total, part_squared, product, total_squared = (_holdouts(candidate.groups, groups) @ columns).T
    value = part / total
    rest = np.maximum(0, part_squared - 2 * value * product + value**2 * total_squared)
    error = np.sqrt(groups / (groups - 1) * rest) / total
    return float((value < -np.maximum(rules.margin, reach * error)).mean())


@lru_cache(len(SIZES))
def _holdouts(groups: int, drawn: int) -> Vector:
    """Draw how often each group is in each simulated holdout: equal for all candidates, so that chance favours none."""
    random = np.random.default_rng(drawn)
    return random.multinomial(drawn, np.full(groups, 1 / groups), _HOLDOUTS).astype(np.float64)


def smallest_detected_loss(lost: Sequence[float], chances: Sequence[float]) -> float | None:
    """Return the least loss that is found with 95 % probability, interpolated between the steps of the mixture."""
    before = (0.0, 0.0)
    for here in zip(lost, chances, strict=True):
        if here[1] >= TARGET_POWER:
            return before[0] + (here[0] - before[0]) * (TARGET_POWER - before[1]) / (here[1] - before[1])
        before = here
    return None
