"""Check the model's quality: against the trivial baseline, against production, and its calibration."""

from collections.abc import Sequence

from slipway.evaluation.scored import score_frame
from slipway.figures import format_figure, format_limit
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.result import SliceComparison
from slipway.gate.rules import Decides, Tie
from slipway.gate.statistics.calibration import (
    calibration_interval,
    least_mean_error,
    mean_distance,
    mean_error,
)
from slipway.gate.statistics.calibration_gap import compare_calibration
from slipway.gate.statistics.paired import adjust_holm
from slipway.gate.wording import NO_PRODUCTION, describe_change, describe_difference, describe_interval, loss_name
from slipway.problem import Task

# Number of worse slices that are named, the worst first; the report has a table of all.
_NAMED = 3
# Training rows whose mean score is compared with their base rate: its standard error is then at most .0025.
_TRAINED = 40_000


@gate_check(
    why="A model that is hardly better than a constant is not worth its cost.",
    advice="A first model: take a simpler one, or search (docs/search.md). A later one: look at the model card for the "
    "columns that carry it, and for a target or join that changed.",
)
def beats_baseline(inputs: GateInputs) -> Finding:
    """Fail unless the model takes away a share of the trivial baseline's loss, statistically significant if asked."""
    found, rules = inputs.skill, inputs.rules
    observed = describe_difference(inputs, found, "the baseline's")
    proven = found.low is not None and found.low > 0
    how = "statistically significant" if rules.skill_significant else "significant or not (skill_significant: false)"
    passed = found.value >= rules.skill and (proven or not rules.skill_significant)
    return Finding(passed, observed, f"at least {rules.skill:.1%} lower, {how}")


@gate_check(
    why="A worse model would replace the one that runs now.",
    advice="Compare data and parameters with those of the release that runs: `slipway show production`.",
)
def not_worse(inputs: GateInputs) -> Finding:
    """Fail if the model is significantly worse than production (one-sided) and by more than the margin."""
    margin, level = inputs.rules.margin, inputs.rules.level
    observed, passed = NO_PRODUCTION, True
    if found := inputs.gain:
        bound = inputs.gain_bound
        passed = bound is not None and not (bound < 0 and found.value < -margin)
        observed = describe_difference(inputs, found, "production's")
        if bound is not None and bound < 0:
            observed += f"; at least {-bound:.1%} higher (one-sided, {level:.0%})"
    limit = f"at most {format_limit(margin)} higher, or not statistically significant (one-sided, {level:.0%})"
    return Finding(passed, observed, limit)


@gate_check(
    why="Losses too small to be found, release after release, add up.",
    advice="Compare data and parameters with those of the release that is named, and bring back what it had.",
)
def not_eroded(inputs: GateInputs) -> Finding:
    """Fail if the model is significantly worse than the best of the last releases, and by more than their margin.

    Asked where a tie may ship the candidate, or newer rows decide: `not_worse` sees one step alone.
    """
    rules = inputs.rules
    limit = f"at most {format_limit(rules.most_erosion)} higher than the best, or not statistically significant"
    if inputs.erosion is None:
        asked = rules.tie is Tie.CANDIDATE or rules.decides is Decides.NEWER or inputs.moved_threshold
        told = "no earlier release"
        if inputs.anchors.unable:
            told = f"none of {inputs.anchors.unable:,} earlier releases can be compared on these rows"
        return Finding(True, told if asked else "not asked: a tie keeps production's model", limit)
    best, found = inputs.erosion
    passed = found.high is not None and not (found.high < 0 and found.value < -rules.most_erosion)
    unable = f"; {inputs.anchors.unable:,} more cannot be compared" if inputs.anchors.unable else ""
    observed = (
        f"{_loss(inputs)} {describe_change(found.value)} compared with {best.bundle.digest[:12]}, the best of "
        f"{len(inputs.anchors.scored):,} earlier releases{unable}"
    )
    return Finding(passed, observed, limit)


@gate_check(
    why="A better mean can hide a group for which the model became worse.",
    advice="Look at the slice's rows in the training set: are they fewer, or joined or labelled differently? "
    "Where a slice of the base commit cannot be cut, change the slices first, in a pull request of their own.",
)
def no_slice_worse(inputs: GateInputs) -> Finding:
    """Fail if a slice is significantly worse, corrected for the number of slices, and by more than its margin.

    Fails too where a slice of the base commit cannot be cut, which would leave its rows unguarded.
    """
    rows = inputs.slice_gains
    adjusted = adjust_holm([row.p_value for row in rows])
    worse = [
        row
        for row, p_value in zip(rows, adjusted, strict=True)
        if p_value <= inputs.rules.slice_level and row.difference.value < -inputs.rules.margin_of(row.slice, row.label)
    ]
    observed = "; ".join([*inputs.uncut, _describe(worse, rows, inputs)])
    limits = [inputs.rules.margin_of(row.slice, row.label) for row in rows] or [inputs.rules.slice_margin]
    margins = " to ".join(dict.fromkeys(map(format_limit, (min(limits), max(limits)))))
    return Finding(
        passed=not worse and not inputs.uncut,
        observed=observed,
        limit=f"none significantly (Holm at {inputs.rules.slice_level:.0%}) and more than {margins} higher",
    )


@gate_check(
    why="A decision by a probability is wrong where the probability is too high or too low.",
    advice="Look at plots/calibration.csv; regularise more, stop earlier, or wrap it in CalibratedClassifierCV.",
)
def calibrated(inputs: GateInputs) -> Finding:
    """Fail if the calibration error is significantly above its limit, or the calibration is worse than production's.

    Worse is one that costs significantly more, and by more than a margin, unless the model is significantly better all
    the same (one that says the base rate always is calibrated, and useless); or a range of scores that is off
    significantly, and by more than another margin farther off than production's scores of the same rows.
    """
    scored, rules = inputs.candidate.scored, inputs.rules
    if scored.task is Task.REGRESSION:
        return Finding(True, "not applicable: no probabilities", "calibrated where there are probabilities")
    found = calibration_interval(scored, rules.level, inputs.params.evaluate)
    passed = found is not None and found.low is not None and found.low <= rules.calibration
    observed = format_figure(found, ".3f") if found else "undefined"
    limit = f"interval from {rules.calibration:.3f} or less"
    production = inputs.compared(inputs.production) if inputs.production else None
    if production and production.classes == scored.classes:
        gap = compare_calibration(inputs.compared(inputs.candidate), production, rules.level)
        worst = max(gap.ranges, key=lambda each: min(each.least, each.farther))
        better = inputs.gain is not None and (inputs.gain.low or 0.0) > 0
        costly = gap.value > rules.calibration_cost and gap.p_value <= 1 - rules.level and not better
        passed = passed and not costly and min(worst.least, worst.farther) <= rules.calibration_margin
        observed += (
            f"; costs {gap.value:+.4f} nats a row beside production's (p {gap.p_value:.2g}); scores around "
            f"{worst.score:.3f} came true in {worst.share:.3f}, production gives these rows {worst.beside:.3f}"
        )
        limit += (
            f"; at most {rules.calibration_cost:.3f} nats, and no range of scores significantly and "
            f"{rules.calibration_margin:.3f} farther off"
        )
    return Finding(passed, observed, limit)


@gate_check(
    why="A shift of every score hardly changes the loss, but changes every decision at a threshold.",
    advice="Compare the share of each class in the training set with the previous one; undo reweighting of rows.",
)
def mean_prediction_in_range(inputs: GateInputs) -> Finding:
    """Fail unless the mean prediction is near production's, or near the base rate where production's is off itself.

    A holdout's base rate is uncertain (its groups differ), the difference of two models on the same rows hardly: so
    production is the sharper reference, unless its own mean is significantly off the base rate. A model that is far
    from it passes where it went with its training set, which may have newer rows than production's: its mean score of
    training rows is near their base rate, and that of the holdout is not significantly off. A regression's distance is
    in standard deviations of the target; of several classes the largest distance counts.
    """
    scored, level, most = inputs.candidate.scored, inputs.rules.level, inputs.rules.mean
    off = least_mean_error(scored, level)
    production = inputs.compared(inputs.production) if inputs.production else None
    if production and production.classes == scored.classes and least_mean_error(production, level) <= most:
        distance = mean_distance(inputs.compared(inputs.candidate), production)
        observed = f"{distance:.4f} from production's mean"
    else:
        distance = off
        observed = f"at least {distance:.4f} from the base rate"
    if off <= most < distance:
        sample = inputs.train.iloc[:: -(-len(inputs.train) // _TRAINED)]
        distance = mean_error(score_frame(inputs.candidate.bundle, sample))
        observed += f", on training rows {distance:.4f} from their base rate"
    limit = f"at most {most:.4f}" + (" standard deviations" if scored.task is Task.REGRESSION else "")
    return Finding(distance <= most, observed, limit)


def _loss(inputs: GateInputs) -> str:
    return loss_name(inputs.problem.task, inputs.problem.metric)


def _describe(worse: Sequence[SliceComparison], rows: Sequence[SliceComparison], inputs: GateInputs) -> str:
    if inputs.production is None:
        return NO_PRODUCTION
    if not rows:
        return f"no slice with {inputs.rules.slice_rows:,} rows"
    first, *rest = sorted(worse or rows, key=lambda row: row.difference.value)
    if not worse:
        return f"{_loss(inputs)} in none of {len(rows)} slices; the worst is {_slice(first)}"
    named = [_slice(row) for row in (first, *rest[: _NAMED - 1])]
    more = f"; and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
    return f"{_loss(inputs)} in {len(worse)} of {len(rows)} slices: {'; '.join(named)}{more}"


def _slice(row: SliceComparison) -> str:
    return f"{row.slice} {row.label}, {describe_change(row.difference.value)} ({describe_interval(row.difference)})"
