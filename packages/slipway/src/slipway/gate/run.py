"""Open the case, ask every check, decide."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.errors import GateError
from slipway.figures import Figure
from slipway.gate.checks import CHECKS
from slipway.gate.collect import Collected, Refusal, collect_inputs
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult, GateResult, Verdict
from slipway.gate.statistics.comparison import compare_metrics, compare_slices, relative_improvement
from slipway.gate.verdict import decide_verdict
from slipway.ledger import Ledger


def run_gate(root: Path, *, base: str | None = None, ledger: Ledger | None = None) -> GateResult:
    """Judge the bundle in the working tree at `root` against what production serves.

    With `base`, a git revision, rules, primary metric and split are read from that commit. Whatever cannot be read is a
    refusal with the reason, not an exception.
    """
    try:
        opened = collect_inputs(root, base, ledger)
    except Refusal as refusal:
        return _refused(refusal)
    checks = (*opened.checks, *(_ask(check, opened.case) for check in CHECKS))
    return _judged(opened, checks)


def _judged(opened: Collected, checks: tuple[CheckResult, ...]) -> GateResult:
    case = opened.case
    try:
        found = _relative(case)
        metrics, slices = compare_metrics(case), compare_slices(case)
        verdict, sentence = decide_verdict(case, found, checks)
    except GateError as error:
        return _refused(Refusal(_raised("comparison", error), case.candidate.bundle.digest))
    candidate = case.candidate.bundle.digest
    production = case.production.bundle.digest if case.production else None
    ships = {Verdict.PROMOTE: candidate, Verdict.KEEP: production, Verdict.REFUSE: None}[verdict]
    return GateResult(
        verdict=verdict,
        sentence=sentence,
        candidate=candidate,
        production=production,
        ships=ships,
        primary=case.problem.metric,
        confidence=case.rules.level,
        rows=len(case.candidate.scored.target),
        groups=case.candidate.scored.groups,
        relative=found,
        metrics=metrics,
        slices=slices,
        checks=checks,
        moved=(*opened.moved, *_moved_files(case), *_expired(case)),
    )


def _relative(case: GateInputs) -> Figure | None:
    if case.production is None:
        return None
    sides = (case.candidate.scored, case.production.scored)
    return relative_improvement(*sides, case.problem.metric, case.rules.level, case.params.evaluate)


def _ask(check: Callable[[GateInputs], CheckResult], case: GateInputs) -> CheckResult:
    """Ask one check; a failure that an exception covers today is let through, and says so."""
    try:
        found = check(case)
    except Exception as error:  # noqa: BLE001 - a check that breaks is a check that failed
        return _raised(check.__name__, error)
    if found.passed:
        return found
    today = datetime.now(UTC).date()
    for exemption in case.rules.exceptions:
        if exemption.check == found.name and today <= exemption.until:
            return msgspec.structs.replace(found, excepted=f"{exemption.reason}, until {exemption.until}")
    return found


def _moved_files(case: GateInputs) -> tuple[str, ...]:
    if case.production is None:
        return ()
    before, after = (side.bundle.manifest.files for side in (case.production, case.candidate))
    names = (CONTRACT, FEATURES)
    return tuple(f"{name} is another than production's" for name in names if before.get(name) != after.get(name))


def _expired(case: GateInputs, today: date | None = None) -> tuple[str, ...]:
    day = today or datetime.now(UTC).date()
    over = [each for each in case.rules.exceptions if each.until < day]
    return tuple(f"the exception for {each.check} ended on {each.until} and no longer counts" for each in over)


def _raised(name: str, error: Exception) -> CheckResult:
    return CheckResult(
        name=name,
        passed=False,
        observed=f"{error}" if isinstance(error, GateError) else f"raised {type(error).__name__}: {error}",
        limit="an answer",
        why="A check that does not answer has not passed.",
        advice="Look at what the check reads; if that is right, this is a mistake in the check.",
    )


def _refused(refusal: Refusal) -> GateResult:
    return GateResult(
        verdict=Verdict.REFUSE,
        sentence=f"Refuse: {refusal.check.name} failed. {refusal.check.observed}",
        candidate=refusal.digest,
        production=None,
        ships=None,
        primary="",
        confidence=0.0,
        checks=(refusal.check,),
    )
