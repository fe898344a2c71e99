"""Decide the verdict from checks and comparison, with a sentence that a reviewer understands in ten seconds."""

from collections.abc import Sequence

from slipway.errors import GateError
from slipway.evaluation.metrics import metric_value
from slipway.figures import Figure
from slipway.gate.inputs import GateInputs, ScoredBundle
from slipway.gate.result import CheckResult, Verdict
from slipway.gate.rules import Tie
from slipway.gate.statistics.comparison import improvement_over_baseline
from slipway.gate.wording import describe_change, describe_difference, describe_interval, loss_name


def decide_verdict(inputs: GateInputs, relative: Figure | None, checks: Sequence[CheckResult]) -> tuple[Verdict, str]:
    """Refuse if a check does not stand, promote a significantly better or a first candidate, else keep production.

    A candidate that is significantly worse, but within the margin that the check `not_worse` allows, is no tie: it does
    not ship under either rule for ties. Raises `GateError` where there is a production but no comparison.
    """
    if failed := [check for check in checks if not check.stands]:
        return Verdict.REFUSE, _refusal(failed)
    verdict, sentence = _first(inputs) if inputs.production is None else _compared(inputs, inputs.production, relative)
    exempted = [f"{check.name} ({check.excepted})" for check in checks if not check.passed]
    return verdict, sentence + (f" Passed by exemption: {', '.join(exempted)}." if exempted else "")


def _refusal(failed: Sequence[CheckResult]) -> str:
    first, *others = failed
    text = f"Refuse: {first.name} failed. Found: {first.observed}; allowed: {first.limit}."
    return f"{text} Also failed: {', '.join(check.name for check in others)}." if others else text


def _first(inputs: GateInputs) -> tuple[Verdict, str]:
    compared = describe_difference(inputs, improvement_over_baseline(inputs), "the trivial baseline's")
    return Verdict.PROMOTE, (
        f"Promote, as the first release: {compared}, {inputs.problem.metric} {_primary(inputs, inputs.candidate)} "
        f"on {_size(inputs)}."
    )


def _compared(inputs: GateInputs, production: ScoredBundle, relative: Figure | None) -> tuple[Verdict, str]:
    if relative is None or relative.low is None or relative.high is None:
        raise GateError(
            "There is no interval between candidate and production, so neither can be said to be better. Hold out "
            "more groups (split.holdout in params.yaml)."
        )
    digest = inputs.candidate.bundle.digest
    if digest == production.bundle.digest:
        return Verdict.KEEP, f"Keep: the candidate is the bundle that production runs already, {digest[:12]}."
    name = loss_name(inputs.problem.task, inputs.problem.metric)
    numbers = (
        f"{describe_change(relative.value)} ({inputs.rules.level:.0%} interval {describe_interval(relative)}; "
        f"{inputs.problem.metric} {_primary(inputs, inputs.candidate)} against {_primary(inputs, production)} on "
        f"{_size(inputs)})"
    )
    if relative.low > 0:
        return Verdict.PROMOTE, f"Promote: the candidate's {name} is {numbers}."
    if relative.high < 0:
        return Verdict.KEEP, (
            f"Keep production's model: the candidate's {name} is {numbers}; that is statistically significant, but "
            f"within the margin of {inputs.rules.margin:.1%}."
        )
    tie = f"the candidate's {name} does not differ significantly from production's: {numbers}"
    if inputs.rules.tie is Tie.CANDIDATE:
        return Verdict.PROMOTE, f"Promote the newer model, as the rule for ties says: {tie}."
    return Verdict.KEEP, f"Keep production's model: {tie}."


def _primary(inputs: GateInputs, side: ScoredBundle) -> str:
    return f"{metric_value(side.scored, inputs.problem.metric):.4g}"


def _size(inputs: GateInputs) -> str:
    scored = inputs.candidate.scored
    return f"{len(scored.target):,} rows in {scored.groups:,} groups"
