"""A proposed limit, and the rounding that never makes one tighter than what was measured."""

import math
from collections.abc import Callable

import msgspec
import numpy as np

from slipway.evaluation.scored import Vector
from slipway.gate.statistics.paired import critical_value

Limit = bool | float | int | dict[str, dict[str, float]]
# Of the retrains that a normal distribution has beyond a limit: one in a thousand, so that all limits together refuse
# fewer than one in a hundred.
TAIL = 0.001
# Retrains here share nine tenths of their rows, a model and the next one fewer: without this factor, limits for tables
# of 5,000 rows refused 4 % of the pairs where a fifth of the rows is new.
_NEWER = 1.5
# Figures need not be normal: at most so many of the measured ones lie beyond a limit.
_MEASURED_TAIL = 0.005
# A model or a column that explains more than this is a leak; `gate.yaml` has six digits.
_NEAREST_ONE = 0.99999


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One key of `gate.yaml`: its value now, the proposed one, and where the number comes from."""

    name: str
    now: Limit | None
    proposed: Limit
    why: str


class Bound(msgspec.Struct, frozen=True):
    """A limit before it is rounded, and where it comes from."""

    value: float
    source: str


def bound_pairs(
    spread: float,
    values: Vector,
    retrains: int,
    least: float,
    write: Callable[[float], str] = "{:.4f}".format,
    tail: float = TAIL,
) -> Bound:
    """Bound the difference of two honest retrains: by its standard deviation, by what was measured, or by `least`.

    The deviation is itself estimated from `retrains`, so Student's distribution says how many of them it takes, and it
    is larger for a retrain on newer rows.
    """
    times = _NEWER * critical_value(retrains, tail)
    differ = f"{write(spread)}, the standard deviation between two of {retrains} honest retrains"
    return max(
        Bound(least, f"the least that is proposed, above {times:.1f} times {differ}"),
        Bound(times * spread, f"{times:.1f} times {differ}"),
        Bound(
            float(np.quantile(values, 1 - _MEASURED_TAIL)),
            f"of {len(values):,} pairs of {retrains} honest retrains {_MEASURED_TAIL:.1%} differ by more",
        ),
        key=lambda each: each.value,
    )


def bound_retrains(values: Vector) -> float:
    """Return by how much the next honest retrain may lie beside the mean of `values`."""
    number = len(values)
    return critical_value(number, TAIL) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / number)


def round_up(value: float) -> float:
    """Round a share or time to two significant digits, upwards."""
    return -round_down(-value)


def round_down(value: float) -> float:
    """Round a share or time to two significant digits, downwards."""
    if not value:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    # What is exact in two digits stays, though binary numbers do not have it exactly.
    return round(math.floor(value * 10**digits + 1e-6) / 10**digits, digits)


def round_below_one(value: float) -> float:
    """Round a share that may be near 1 upwards, so that it stays below 1: a limit of 1 would refuse nothing."""
    return min(_NEAREST_ONE, round(1 - round_down(1 - value), 12)) if value > 0.5 else round_up(value)
