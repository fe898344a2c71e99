"""Check for leaks: a model that is too good to be true has usually seen the outcome."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, frame_to_columns
from slipway.evaluation.scored import Scored, Vector, encode_target
from slipway.evaluation.sums import ratio
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.wording import NO_PRODUCTION, describe_difference
from slipway.problem import Task

if TYPE_CHECKING:
    import pandas as pd

# Bins of a number with equally many rows each, and one for missing: fine enough to show any threshold.
_BINS = 64
# Rows of the training set from which the means are computed: some 800 for each bin.
_ROWS = 50_000
# Each bin or category is smoothed as if it had so many more rows with the overall mean.
_PRIOR = 5.0
_ADVICE = (
    "Look for a column that is known only afterwards, or computed from the target; compare what is known at the moment "
    "of prediction with how dataset.py joins it. If there is no leak, raise the limit in gate.yaml with a reason."
)


@gate_check(why="A model far better than any honest one has seen the outcome.", advice=_ADVICE)
def plausible_skill(inputs: GateInputs) -> Finding:
    """Fail if the model takes away an implausible share of the trivial baseline's loss."""
    found = inputs.skill
    observed = describe_difference(inputs, found, "the baseline's")
    return Finding(found.value <= inputs.rules.ceiling, observed, f"at most {inputs.rules.ceiling:.1%} lower")


@gate_check(why="Models improve in small steps; a leap is usually a leak.", advice=_ADVICE)
def plausible_gain(inputs: GateInputs) -> Finding:
    """Fail if one release improves on production by an implausible share of its loss."""
    observed, passed = NO_PRODUCTION, True
    if found := inputs.gain:
        observed = describe_difference(inputs, found, "production's")
        passed = found.value <= inputs.rules.gain
    return Finding(passed, observed, f"at most {inputs.rules.gain:.1%} lower")


@gate_check(why="A column that predicts the target alone is usually computed from it.", advice=_ADVICE)
def no_leaking_feature(inputs: GateInputs) -> Finding:
    """Fail if one column that the model sees explains the target by itself.

    Each column alone becomes a table of target means, computed on the training set by bins of equal size or by
    category, and is scored on the holdout: by twice the area under its ROC curve less one (the largest over classes),
    or for a regression by the share of variance that it explains.
    """
    strengths = feature_strengths(inputs)
    name = max(strengths, key=lambda column: strengths[column])
    observed = f"{name}: {strengths[name]:.3f}"
    return Finding(strengths[name] <= inputs.rules.single, observed, f"at most {inputs.rules.single:.3f}")


def feature_strengths(inputs: GateInputs) -> dict[str, float]:
    """Measure how well each column of the candidate's features predicts the target alone (see `measure_strengths`)."""
    bundle = inputs.candidate.bundle

    def derive(frame: "pd.DataFrame") -> Columns:
        return bundle.derive(frame_to_columns(bundle.fields, frame))

    return measure_strengths(inputs.candidate.scored, inputs.train, inputs.holdout, derive)


def measure_strengths(
    scored: Scored, train: "pd.DataFrame", holdout: "pd.DataFrame", derive: Callable[["pd.DataFrame"], Columns]
) -> dict[str, float]:
    """Measure how well each column that `derive` makes predicts the target alone: 0 not at all, 1 completely."""
    sample = train.iloc[:: -(-len(train) // _ROWS)]
    seen, held = derive(sample), derive(holdout)
    learnt = _indicators(scored, encode_target(scored.task, scored.classes, sample["target"]))
    actual = _indicators(scored, scored.target)
    return {name: _strength(scored.task, seen, held, name, learnt, actual) for name in held}


def _strength(task: Task, seen: Columns, held: Columns, name: str, learnt: Vector, actual: Vector) -> float:
    """Measure one column; `learnt` and `actual` hold the target's indicators, shape (indicators, rows)."""
    codes, beside, size = _codes(seen[name], held[name])
    rows = np.bincount(codes, minlength=size)
    found = []
    for train, holdout in zip(learnt, actual, strict=True):
        means = (np.bincount(codes, weights=train, minlength=size) + _PRIOR * train.mean()) / (rows + _PRIOR)
        found.append(_explained(means[beside], holdout) if task is Task.REGRESSION else _gini(means, beside, holdout))
    return max(found)


def _codes(seen: NDArray[np.generic], held: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Encode both parts of a column from 0 (the last code: missing or unseen) and return the number of codes.

    A number's bins come from the training set.
    """
    if seen.dtype.kind in "OU":
        known = {value: code for code, value in enumerate(dict.fromkeys(seen.tolist())) if value is not None}
        last = len(known) + 1
        codes = (np.array([known.get(value, last) for value in part.tolist()], dtype=np.intp) for part in (seen, held))
        return (*codes, last + 1)  # type: ignore[return-value]
    first, second = seen.astype(np.float64), held.astype(np.float64)
    there = first[np.isfinite(first)]
    edges = np.unique(np.quantile(there, np.arange(1, _BINS) / _BINS, method="inverted_cdf")) if len(there) else there
    # A value on an edge belongs below it, so a value that fills several bins gets one of its own.
    binned = (
        np.where(np.isfinite(part), np.searchsorted(edges, part, "left"), len(edges) + 1) for part in (first, second)
    )
    return (*binned, len(edges) + 2)  # type: ignore[return-value]


def _indicators(scored: Scored, target: NDArray[np.generic]) -> Vector:
    """Return the target as rows of numbers: itself, or one indicator per class (for two, the last alone)."""
    if scored.task is Task.REGRESSION:
        return np.asarray(target, dtype=np.float64)[None]
    classes = [1] if scored.task is Task.BINARY else range(len(scored.classes))
    return np.array([target == k for k in classes], dtype=np.float64)


def _gini(means: Vector, codes: NDArray[np.intp], hit: Vector) -> float:
    """Return twice the area under the ROC curve of rows scored by their code's mean, less one."""
    levels, code_level = np.unique(means, return_inverse=True)
    level = code_level[codes]
    hits = np.bincount(level, weights=hit, minlength=len(levels))
    misses = np.bincount(level, minlength=len(levels)) - hits
    beaten = np.cumsum(misses) - misses / 2
    pairs = hits.sum() * misses.sum()
    return float(np.nan_to_num(2 * ratio(np.array((hits * beaten).sum()), np.array(pairs)) - 1))


def _explained(predicted: Vector, actual: Vector) -> float:
    spread = float(((actual - actual.mean()) ** 2).sum())
    return max(0.0, 1 - float(((actual - predicted) ** 2).sum()) / spread) if spread else 0.0
