"""From comparison and checks to one word, and a sentence that a reviewer understands in ten seconds."""

from collections.abc import Sequence

from slipway.errors import GateError
from slipway.evaluation.metrics import value
from slipway.evaluation.result import Figure
from slipway.gate.case import Case
from slipway.gate.compare import relative as compare
from slipway.gate.result import Check, Verdict
from slipway.gate.rules import Tie
from slipway.gate.words import against, change, loss_name, span


def decide(case: Case, relative: Figure | None, checks: Sequence[Check]) -> tuple[Verdict, str]:
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


def _compared(case: Case, relative: Figure) -> tuple[Verdict, str]:
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


def _numbers(case: Case, relative: Figure) -> str:
    assert case.production is not None
    here, there = (value(side.scored, case.problem.metric) for side in (case.candidate, case.production))
    scored = case.candidate.scored
    return (
        f"{change(relative.value)} ({case.rules.level:.0%} interval {span(relative)}; {case.problem.metric} {here:.4g} "
        f"against {there:.4g} on {len(scored.target):,} rows in {scored.groups:,} groups)"
    )


def _first(case: Case) -> str:
    scored, metric = case.candidate.scored, case.problem.metric
    found = compare(scored, case.baseline, metric, case.rules.level, case.params.evaluate)
    compared = against(found, loss_name(case.problem.task, metric), "the trivial baseline's", case.rules.level)
    return (
        f"Promote, as the first release: {compared}, {metric} {value(scored, metric):.4g} on {len(scored.target):,} "
        f"rows in {scored.groups:,} groups."
    )


def _refusal(failed: Sequence[Check]) -> str:
    first, *others = failed
    text = f"Refuse: {first.name} failed. Found: {first.observed}; allowed: {first.limit}."
    if not others:
        return text
    return f"{text} Also failed: {', '.join(check.name for check in others)}."


def _exceptions(checks: Sequence[Check]) -> str:
    excepted = [f"{check.name} ({check.excepted})" for check in checks if not check.passed]
    return f" Let through by exception: {', '.join(excepted)}." if excepted else ""
