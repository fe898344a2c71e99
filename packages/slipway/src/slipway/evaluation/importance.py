"""Measure how much the model relies on each column: what the primary metric loses when its values are shuffled.

Permutation importance (Breiman, Random Forests, Machine Learning 45, 2001; as in scikit-learn) on the bundle
itself, by the contract's columns. Correlated columns share their importance.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, take_rows
from slipway.evaluation.metrics import METRICS, Better, metric_value
from slipway.evaluation.scored import Scored, Vector, take_scored

ROWS = 4000
REPEATS = 4


class Importance(msgspec.Struct, frozen=True):
    """The mean loss of the primary metric over shuffles, and the smallest and largest."""

    column: str
    loss: float
    low: float
    high: float


def permutation_importance(
    score: Callable[[Columns], Vector], columns: Columns, scored: Scored, primary: str, seed: int
) -> tuple[Importance, ...]:
    """Shuffle each column `REPEATS` times over at most `ROWS` rows and score again; the greatest loss first.

    `score` is the bundle's function, `scored` the rows of `columns`. The loss is in the metric's unit, above
    zero where the model needs the column, NaN where the metric is undefined on the sample.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(scored.target))[:ROWS])
    columns, scored = take_rows(columns, rows), take_scored(scored, rows)
    shuffles = [random.permutation(len(rows)) for _ in range(REPEATS)]
    sign = -1 if METRICS[scored.task][primary].better is Better.HIGHER else 1
    whole = metric_value(scored, primary)

    def losses(name: str) -> NDArray[np.float64]:
        shuffled = (score(columns | {name: columns[name][order]}) for order in shuffles)
        each = [metric_value(msgspec.structs.replace(scored, scores=scores), primary) for scores in shuffled]
        return sign * (np.array(each) - whole)

    found = {name: losses(name) for name in columns}
    results = (Importance(name, float(v.mean()), float(v.min()), float(v.max())) for name, v in found.items())
    return tuple(sorted(results, key=lambda each: (-each.loss, each.column)))
