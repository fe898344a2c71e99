"""Propose the limits of skill, of leaks, of calibration and of the mean prediction."""

from collections.abc import Iterator

import numpy as np

from slipway.gate.statistics.calibration import least_mean_error, mean_prediction
from slipway.gate.suggest.margins import Proposed
from slipway.gate.suggest.measured import Measured
from slipway.gate.suggest.proposal import bound_pairs, bound_retrains, round_below_one, round_down, round_up
from slipway.gate.wording import describe_held_out

# Choices, below which nothing is suspect however little honest retrains have.
_LEAST_CEILING, _LEAST_GAIN = 0.25, 0.2
_LEAST_CALIBRATION, _LEAST_COST, _LEAST_RANGE, _LEAST_MEAN = 0.03, 0.004, 0.05, 0.01
_MOST_GAIN = 0.95


def propose_skill(measured: Measured) -> Iterator[Proposed]:
    """Yield floor and ceiling of skill, and what one release and one column may bring."""
    skill, single = measured.figures.skill, measured.figures.single
    seen = f"{measured.retrains} honest retrains remove {skill.min():.3f} to {skill.max():.3f} of the baseline's loss"
    half, apart = float(np.median(skill)) / 2, float(skill.mean()) - bound_retrains(skill)
    how = "half of the median" if half < apart else "below what one in a thousand would reach"
    least = max(0.0, round_down(min(half, apart)))
    if half > 0:
        yield "skill", least, f"{how}: {seen}"
    if half > 0 and (not measured.rules.skill_significant or not is_skill_proven(measured)):
        proven, held = int((measured.figures.least_skill > 0).sum()), describe_held_out(measured.rows, measured.groups)
        why = f"{proven} of {measured.retrains} honest retrains are significantly better than a constant on {held}"
        yield "skill_significant", is_skill_proven(measured), why
    most = float(skill.max())
    higher = {
        "three times the best": 3 * most,
        "what one in a thousand would exceed": float(skill.mean()) + bound_retrains(skill),
        "a choice": _LEAST_CEILING,
    }
    how = max(higher, key=lambda each: higher[each])
    middle = max(_LEAST_CEILING, (1 + most) / 2)
    how, ceiling = (how, higher[how]) if higher[how] < middle else ("half of the way from the best to 1", middle)
    yield "ceiling", round_below_one(ceiling), f"{how}: {seen}"
    gains = measured.figures.gains
    margin = bound_pairs(float(gains.std()), gains, measured.retrains, 0.0).value
    yield (
        "gain",
        min(_MOST_GAIN, round_up(max(_LEAST_GAIN, 2 * margin))),
        f"{'a choice' if 2 * margin <= _LEAST_GAIN else 'twice what luck explains'}: the best of "
        f"{len(gains):,} pairs of honest retrains gains {gains.max():.4f}",
    )
    middle = round_below_one((1 + max(0.0, single)) / 2)
    yield (
        "single",
        middle,
        f"half of the way from the strongest column to 1: {measured.figures.column} alone has {single:.3f}",
    )


def is_skill_proven(measured: Measured) -> bool:
    """Return True if all but one honest retrain in a thousand are significantly better than the trivial baseline."""
    low = measured.figures.least_skill
    return bool(low.mean() > bound_retrains(low))


def propose_calibration(measured: Measured) -> Iterator[Proposed]:
    """Yield the limits of probabilities; none for a regression."""
    lows, pairs, number = measured.figures.lows, measured.figures.calibrations, measured.retrains
    if lows is None or pairs is None:
        return
    known = lows[np.isfinite(lows)]
    most = float(known.max(initial=0.0))
    reach = float(known.mean()) + bound_retrains(known) if len(known) > 1 else 0.0
    yield (
        "calibration",
        round_up(min(1.0, max(_LEAST_CALIBRATION, reach, 1.5 * most))),
        f"{'a choice' if max(reach, 1.5 * most) <= _LEAST_CALIBRATION else 'what one in a thousand would exceed'}: at "
        f"most {most:.4f} in {number} honest retrains",
    )
    others = ~np.eye(number, dtype=bool)
    costs, farther = pairs.costs[others], pairs.farther[others]
    found = bound_pairs(float(np.sqrt((costs**2).mean())), costs, number, _LEAST_COST)
    yield "calibration_cost", round_up(min(1.0, found.value)), found.source
    worst = float(farther.max())
    yield (
        "calibration_margin",
        round_up(min(1.0, max(_LEAST_RANGE, 2 * worst))),
        f"{'a choice' if 2 * worst <= _LEAST_RANGE else 'twice the most'}: at most {worst:.4f} in {len(farther):,} "
        f"pairs of {number} honest retrains",
    )


def propose_mean(measured: Measured) -> Iterator[Proposed]:
    """Yield the limit of the mean prediction: beyond luck, and beyond what production's own may be off."""
    honest = measured.compared.honest
    means = np.array([mean_prediction(each).ravel() for each in honest])
    apart = np.abs(means[:, None] - means[None])
    spread = float(np.sqrt((apart**2).sum(axis=(0, 1)) / (len(honest) * (len(honest) - 1))).max())
    differ = apart.max(axis=2)[~np.eye(len(honest), dtype=bool)]
    found = bound_pairs(spread, differ, len(honest), _LEAST_MEAN)
    off = max(least_mean_error(each, measured.rules.level) for each in honest)
    source = found.source
    if 1.5 * off > found.value:
        source = f"1.5 times that by which the mean of an honest retrain is off the holdout's, {off:.4f} or more"
    yield "mean", round_up(min(1.0, max(found.value, 1.5 * off))), source
