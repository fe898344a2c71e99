"""Too good to be true: a model that knows what nobody can know yet has usually been told."""

import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, frame_to_columns
from slipway.evaluation.scored import Scored, Vector, encode_target
from slipway.evaluation.sums import ratio
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult
from slipway.gate.statistics.comparison import relative_improvement
from slipway.gate.wording import describe_difference, loss_name
from slipway.problem import Task

# Stretches of a number with equally many rows each, and one for missing: fine enough for any threshold to show.
_BINS = 64
# Rows of the training set from which the means are learnt: some 800 for each bin.
_ROWS = 50_000
# A bin or category counts as if so many rows with the overall mean were in it: a label of few rows explains nothing.
_PRIOR = 5.0
_ADVICE = (
    "Look for a column that is known only afterwards, or made from the target; compare each column's meaning at the "
    "moment of prediction with how dataset.py joins it. If it is honest, raise the limit in gate.yaml with a reason."
)


def plausible_skill(case: GateInputs) -> CheckResult:
    """The model may not take away more of the trivial baseline's loss than anybody believes possible."""
    found = relative_improvement(
        case.candidate.scored, case.baseline, case.problem.metric, case.rules.level, case.params.evaluate
    )
    return CheckResult(
        name="plausible_skill",
        passed=found.value <= case.rules.ceiling,
        observed=describe_difference(found, _loss(case), "the baseline's", case.rules.level),
        limit=f"at most {case.rules.ceiling:.1%} lower",
        why="A model far better than any honest one has seen the answer.",
        advice=_ADVICE,
    )


def plausible_gain(case: GateInputs) -> CheckResult:
    """One release may not improve on production by more than anybody believes possible."""
    observed, passed = "no production yet", True
    if case.production:
        found = relative_improvement(
            case.candidate.scored,
            case.production.scored,
            case.problem.metric,
            case.rules.level,
            case.params.evaluate,
        )
        observed = describe_difference(found, _loss(case), "production's", case.rules.level)
        passed = found.value <= case.rules.gain
    return CheckResult(
        name="plausible_gain",
        passed=passed,
        observed=observed,
        limit=f"at most {case.rules.gain:.1%} lower",
        why="Progress comes in small steps; a leap is usually a leak.",
        advice=_ADVICE,
    )


def no_leaking_feature(case: GateInputs) -> CheckResult:
    """No column that the model sees may explain the target all by itself.

    Each column alone becomes a table of target means, learnt from the training set by bins of equal size or by
    category, and is judged on the holdout: by twice the area under its ROC curve less one (the largest over classes),
    or for a regression by the share of variance that it explains.
    """
    strengths = feature_strengths(case)
    name = max(strengths, key=lambda column: strengths[column])
    return CheckResult(
        name="no_leaking_feature",
        passed=strengths[name] <= case.rules.single,
        observed=f"{name}: {strengths[name]:.3f}",
        limit=f"at most {case.rules.single:.3f}",
        why="A column that alone tells the target is usually the target in another dress.",
        advice=_ADVICE,
    )


def feature_strengths(case: GateInputs) -> dict[str, float]:
    """How well each column of the candidate's features tells the target alone: 0 not at all, 1 completely."""
    scored, bundle = case.candidate.scored, case.candidate.bundle
    sample = case.train.iloc[:: -(-len(case.train) // _ROWS)]
    seen = bundle.derive(frame_to_columns(bundle.fields, sample))
    held = bundle.derive(frame_to_columns(bundle.fields, case.holdout))
    learnt = _indicators(scored, encode_target(scored.task, scored.classes, sample["target"]))
    actual = _indicators(scored, scored.target)
    return {name: _strength(scored.task, seen, held, name, learnt, actual) for name in held}


def _strength(task: Task, seen: Columns, held: Columns, name: str, learnt: Vector, actual: Vector) -> float:
    """The strength of one column; `learnt` and `actual` hold the target's columns, shape (columns, rows)."""
    codes, beside, size = _codes(seen[name], held[name])
    rows = np.bincount(codes, minlength=size)
    found = []
    for train, holdout in zip(learnt, actual, strict=True):
        means = (np.bincount(codes, weights=train, minlength=size) + _PRIOR * train.mean()) / (rows + _PRIOR)
        found.append(_explained(means[beside], holdout) if task is Task.REGRESSION else _gini(means, beside, holdout))
    return max(found)


def _codes(seen: NDArray[np.generic], held: NDArray[np.generic]) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """Both parts of a column as codes from 0, the last for what is missing or was never seen, and how many there are.

    Bins of a number are made of what is there in the training set.
    """
    if seen.dtype.kind in "OU":
        known = {value: code for code, value in enumerate(dict.fromkeys(seen.tolist())) if value is not None}
        last = len(known) + 1
        codes = (np.array([known.get(value, last) for value in part.tolist()], dtype=np.intp) for part in (seen, held))
        return (*codes, last + 1)  # type: ignore[return-value]
    first, second = seen.astype(np.float64), held.astype(np.float64)
    there = first[np.isfinite(first)]
    edges = np.unique(np.quantile(there, np.arange(1, _BINS) / _BINS, method="inverted_cdf")) if len(there) else there
    # A value on an edge belongs below it, so a value that fills whole bins has one of its own.
    binned = (
        np.where(np.isfinite(part), np.searchsorted(edges, part, "left"), len(edges) + 1) for part in (first, second)
    )
    return (*binned, len(edges) + 2)  # type: ignore[return-value]


def _indicators(scored: Scored, target: NDArray[np.generic]) -> Vector:
    """The target as rows of numbers: itself, or one indicator a class (of the last class alone for two)."""
    if scored.task is Task.REGRESSION:
        return np.asarray(target, dtype=np.float64)[None]
    classes = [1] if scored.task is Task.BINARY else range(len(scored.classes))
    return np.array([target == k for k in classes], dtype=np.float64)


def _gini(means: Vector, codes: NDArray[np.intp], hit: Vector) -> float:
    """Twice the area under the ROC curve of rows scored by their code's mean, less one."""
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


def _loss(case: GateInputs) -> str:
    return loss_name(case.problem.task, case.problem.metric)


CHECKS = (plausible_skill, plausible_gain, no_leaking_feature)
