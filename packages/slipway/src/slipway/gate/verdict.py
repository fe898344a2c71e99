"""From comparison and checks to one word, and a sentence that a reviewer understands in ten seconds."""

from collections.abc import Sequence

from slipway.errors import GateError
from slipway.evaluation.metrics import metric_value
from slipway.figures import Figure
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult, Verdict
from slipway.gate.rules import Tie
from slipway.gate.statistics.comparison import relative_improvement as compare
from slipway.gate.wording import describe_change, describe_difference, describe_interval, loss_name


def decide_verdict(case: GateInputs, relative: Figure | None, checks: Sequence[CheckResult]) -> tuple[Verdict, str]:
    """Judge: refuse if a check does not stand, promote what is better beyond doubt or first, else keep production.

    A candidate that is worse beyond doubt, but within the margin that the check `not_worse` allows, is no tie: it does
    not ship under either rule for ties. Raises `GateError` where there is a production but no comparison.
    """
    if failed := [check for check in checks if not check.stands]:
        return Verdict.REFUSE, _refusal(failed)
    if case.production is None:
        return Verdict.PROMOTE, _first(case) + _exceptions(checks)
    if relative is None or relative.low is None or relative.high is None:
        raise GateError(
            "There is no interval between candidate and production, so neither can be said to be better. Hold out "
            "more groups (split.holdout in params.yaml)."
        )
    verdict, sentence = _compared(case, relative)
    return verdict, sentence + _exceptions(checks)


def _compared(case: GateInputs, relative: Figure) -> tuple[Verdict, str]:
    assert case.production is not None and relative.low is not None and relative.high is not None
    name = loss_name(case.problem.task, case.problem.metric)
    digest = case.candidate.bundle.digest
    numbers = _numbers(case, relative)
    if digest == case.production.bundle.digest:
        return Verdict.KEEP, f"Keep: the candidate is the very bundle that production runs, {digest[:12]}."
    if relative.low > 0:
        return Verdict.PROMOTE, f"Promote: the candidate's {name} is {numbers}."
    if relative.high < 0:
        return Verdict.KEEP, (
            f"Keep production's model: the candidate's {name} is {numbers}; that is beyond doubt, but within the "
            f"margin of {case.rules.margin:.1%}."
        )
    apart = f"the candidate's {name} cannot be told apart from production's: {numbers}"
    if case.rules.tie is Tie.CANDIDATE:
        return Verdict.PROMOTE, f"Promote the fresher model, as the rule for ties says: {apart}."
    return Verdict.KEEP, f"Keep production's model: {apart}."


def _numbers(case: GateInputs, relative: Figure) -> str:
    assert case.production is not None
    here, there = (metric_value(side.scored, case.problem.metric) for side in (case.candidate, case.production))
    scored = case.candidate.scored
    return (
        f"{describe_change(relative.value)} ({case.rules.level:.0%} interval {describe_interval(relative)}; "
        f"{case.problem.metric} {here:.4g} against {there:.4g} on {len(scored.target):,} rows "
        f"in {scored.groups:,} groups)"
    )


def _first(case: GateInputs) -> str:
    scored, metric = case.candidate.scored, case.problem.metric
    found = compare(scored, case.baseline, metric, case.rules.level, case.params.evaluate)
    compared = describe_difference(
        found, loss_name(case.problem.task, metric), "the trivial baseline's", case.rules.level
    )
    return (
        f"Promote, as the first release: {compared}, {metric} {metric_value(scored, metric):.4g} on "
        f"{len(scored.target):,} rows in {scored.groups:,} groups."
    )


def _refusal(failed: Sequence[CheckResult]) -> str:
    first, *others = failed
    text = f"Refuse: {first.name} failed. Found: {first.observed}; allowed: {first.limit}."
    if not others:
        return text
    return f"{text} Also failed: {', '.join(check.name for check in others)}."


def _exceptions(checks: Sequence[CheckResult]) -> str:
    excepted = [f"{check.name} ({check.excepted})" for check in checks if not check.passed]
    return f" Let through by exception: {', '.join(excepted)}." if excepted else ""
