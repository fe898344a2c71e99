"""Whether the model is good enough: against the trivial baseline, against production, and in what it promises."""

from collections.abc import Sequence

import numpy as np

from slipway.evaluation.intervals import metric_figure, resample_groups
from slipway.evaluation.losses import group_sums
from slipway.evaluation.metrics import prepare_metrics
from slipway.evaluation.scored import Scored, Vector
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult, SliceComparison
from slipway.gate.statistics.comparison import compare_slices, relative_improvement
from slipway.gate.statistics.paired import adjust_holm, estimate_share, student_interval
from slipway.gate.wording import describe_change, describe_difference, describe_interval, loss_name
from slipway.problem import Task

# So many of the slices that are worse are named, the worst first; the report has a table of all.
_NAMED = 3


def beats_baseline(case: GateInputs) -> CheckResult:
    """The model must take away a share of the trivial baseline's loss, beyond doubt."""
    found = relative_improvement(
        case.candidate.scored, case.baseline, case.problem.metric, case.rules.level, case.params.evaluate
    )
    return CheckResult(
        name="beats_baseline",
        passed=found.value >= case.rules.skill and found.low is not None and found.low > 0,
        observed=describe_difference(found, _loss(case), "the baseline's", case.rules.level),
        limit=f"at least {case.rules.skill:.1%} lower, beyond doubt",
        why="A model that a constant can match is not worth its cost.",
        advice="Look at the model card: which columns carry the model, and did the target or a join change?",
    )


def not_worse(case: GateInputs) -> CheckResult:
    """Refused is what is worse than production beyond doubt and by more than the margin."""
    margin = case.rules.margin
    observed, passed = "no production yet", True
    if case.production:
        found = relative_improvement(
            case.candidate.scored,
            case.production.scored,
            case.problem.metric,
            case.rules.level,
            case.params.evaluate,
        )
        passed = found.high is not None and not (found.high < 0 and found.value < -margin)
        observed = describe_difference(found, _loss(case), "production's", case.rules.level)
    return CheckResult(
        name="not_worse",
        passed=passed,
        observed=observed,
        limit=f"at most {margin:.1%} higher, or not beyond doubt",
        why="What runs now would be replaced by something worse.",
        advice="Compare data and parameters with those of the release that runs: `slipway show production`.",
    )


def no_slice_worse(case: GateInputs) -> CheckResult:
    """No part of the holdout may be worse beyond doubt, all parts considered, and by more than its margin."""
    rows = compare_slices(case)
    adjusted = adjust_holm([row.p_value for row in rows])
    worse = [
        row
        for row, p_value in zip(rows, adjusted, strict=True)
        if p_value <= case.rules.slice_level and row.difference.value < -case.rules.slice_margin
    ]
    return CheckResult(
        name="no_slice_worse",
        passed=not worse,
        observed=_describe(worse, rows, case),
        limit=f"none surely (Holm at {case.rules.slice_level:.0%}) and more than {case.rules.slice_margin:.1%} higher",
        why="A better mean can hide a group of people for whom the model became worse.",
        advice="Look at the slice's rows in the training set: are they fewer, or joined or labelled otherwise?",
    )


def calibrated(case: GateInputs) -> CheckResult:
    """Probabilities must mean what they say, as far as the holdout can tell."""
    scored = case.candidate.scored
    limit = case.rules.calibration
    observed, passed = "not applicable: no probabilities", True
    if scored.task is not Task.REGRESSION:
        name = "calibration_error"
        draws = resample_groups({name: prepare_metrics(scored, [name])}, scored.groups, case.params.evaluate)[name]
        found = metric_figure(draws, name, scored.groups, case.rules.level)
        passed = found is not None and found.low is not None and found.low <= limit
        observed = "undefined" if found is None or found.low is None else f"{found.value:.3f}, surely {found.low:.3f}"
    return CheckResult(
        name="calibrated",
        passed=passed,
        observed=observed,
        limit=f"surely at most {limit:.3f}",
        why="Whoever acts on a probability is misled by one that is too sure, or not sure enough.",
        advice="Look at plots/calibration.csv; regularise more, stop earlier, or wrap it in CalibratedClassifierCV.",
    )


def mean_prediction_in_range(case: GateInputs) -> CheckResult:
    """The mean prediction must be near production's, or near the base rate where production cannot be the measure.

    A holdout's own base rate is uncertain (its groups differ), two models on the same rows hardly are: so production
    is the sharper measure, unless its own mean is out of reach of the base rate. For a regression the distance counts
    in standard deviations of the target; for several classes the largest of the classes' distances counts.
    """
    scored, level = case.candidate.scored, case.rules.level
    production = case.production.scored if case.production else None
    if production and production.classes == scored.classes and _surely_off(production, level) <= case.rules.mean:
        distance = float(np.abs((_predictions(scored) - _predictions(production)).mean(axis=0)).max())
        observed = f"{distance:.4f} from production's mean"
    else:
        distance = _surely_off(scored, level)
        observed = f"surely {distance:.4f} from the base rate"
    return CheckResult(
        name="mean_prediction_in_range",
        passed=distance <= case.rules.mean,
        observed=observed,
        limit=f"at most {case.rules.mean:.4f}" + (" standard deviations" if scored.task is Task.REGRESSION else ""),
        why="A shift of every score hardly moves the loss, but moves every decision that is made at a threshold.",
        advice="Compare the share of each class in the training set with the one before; undo reweighting of rows.",
    )


def _loss(case: GateInputs) -> str:
    return loss_name(case.problem.task, case.problem.metric)


def _describe(worse: Sequence[SliceComparison], rows: Sequence[SliceComparison], case: GateInputs) -> str:
    if case.production is None:
        return "no production yet"
    if not rows:
        return f"no slice with {case.rules.slice_rows:,} rows"
    first, *rest = sorted(worse or rows, key=lambda row: row.difference.value)
    if not worse:
        return f"{_loss(case)} in none of {len(rows)} slices; the worst is {_slice(first)}"
    named = [_slice(row) for row in (first, *rest[: _NAMED - 1])]
    more = f"; and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
    return f"{_loss(case)} in {len(worse)} of {len(rows)} slices: {'; '.join(named)}{more}"


def _slice(row: SliceComparison) -> str:
    return f"{row.slice} {row.label}, {describe_change(row.difference.value)} ({describe_interval(row.difference)})"


def _predictions(scored: Scored) -> Vector:
    """Scores of shape (rows, columns) on a scale on which distances are shares."""
    scores = scored.scores.reshape(len(scored.target), -1)
    return scores / (_scale(scored) or 1.0)


def _scale(scored: Scored) -> float:
    return float(scored.target.std()) if scored.task is Task.REGRESSION else 1.0


def _surely_off(scored: Scored, level: float) -> float:
    """How far the nearer end of the mean error's interval is from zero, at most over the columns."""
    if scored.task is Task.MULTICLASS:
        actual = np.eye(len(scored.classes))[scored.target]
    else:
        actual = scored.target.reshape(-1, 1) / (_scale(scored) or 1.0)
    errors = _predictions(scored) - actual
    rows, *sums = group_sums(scored.group, scored.groups, np.ones(len(errors)), *errors.T).T
    ends = [student_interval(*estimate_share(column, rows), scored.groups, level) for column in sums]
    return max(max(0.0, end.low or 0.0, -(end.high or 0.0)) for end in ends)


CHECKS = (beats_baseline, not_worse, no_slice_worse, calibrated, mean_prediction_in_range)
