"""Propose the limits of the holdout's size and of the model's cost."""

from collections.abc import Iterator

import numpy as np

from slipway.data.splitting import FEWEST_GROUPS
from slipway.gate.checks.served import TIMES, measure_megabytes, measure_milliseconds
from slipway.gate.suggest.margins import Proposed
from slipway.gate.suggest.measured import Measured
from slipway.gate.suggest.proposal import round_up

_LEAST_SHRINK, _COPIES = 0.05, 0.02
# Budgets: what a service can afford, or so many times what the model needs now.
_MILLISECONDS, _MEGABYTES, _TIMES = 5.0, 20.0, 10


def propose_size(measured: Measured, excess: float) -> Iterator[Proposed]:
    """Yield the fewest groups and rows, the share of them that may go missing, and that of near copies.

    The last is never raised to the `excess` that the holdout has, which may be a leak.
    """
    groups, rows = measured.groups, measured.rows
    grown = "losses that can be seen are 1.4 times as large with half as many"
    half = f"half of the {groups:,} now: {grown}"
    yield "groups", *max((FEWEST_GROUPS, f"the fewest of a split; {groups:,} now"), (groups // 2, half))
    yield "rows", max(FEWEST_GROUPS, rows // 2), f"half of the {rows:,} now: {grown}"
    largest = int(np.bincount(measured.compared.honest[0].group).max()) / rows
    yield (
        "shrink",
        round_up(max(_LEAST_SHRINK, largest)),
        f"{'a choice' if largest <= _LEAST_SHRINK else 'one group'}: the largest group has {largest:.3f} of the rows",
    )
    yield "copies", _COPIES, f"a choice: {max(0.0, excess):.4f} now"


def propose_budget(measured: Measured) -> Iterator[Proposed]:
    """Yield milliseconds and megabytes; nothing where there is no bundle to measure."""
    bundle = measured.bundle
    times = measure_milliseconds(bundle, measured.recipe.holdout) if bundle else None
    if bundle is None or times is None:
        return
    needs = float((times / np.array(TIMES)).max())
    for name, needed, least in (
        ("milliseconds", needs, _MILLISECONDS),
        ("megabytes", measure_megabytes(bundle), _MEGABYTES),
    ):
        wide = _TIMES * needed <= least
        why = "a choice: the model needs less than a tenth of it" if wide else f"{_TIMES} times what the model needs"
        yield name, round_up(max(least, _TIMES * needed)), why
