"""Run the gate: collect the inputs, run every check, decide."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from slipway.bundle.code import CONTRACT, FEATURES
from slipway.errors import GateError
from slipway.gate.checks import CHECKS
from slipway.gate.collect import Collected, CollectionRefused, collect_inputs
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult, GateResult, Verdict, failed_check
from slipway.gate.statistics.comparison import compare_metrics, compare_slices, improvement_over_production
from slipway.gate.verdict import decide_verdict
from slipway.ledger import Ledger

_NOT_RUN = "A check that cannot be run has not passed."


def run_gate(root: Path, *, base: str | None = None, ledger: Ledger | None = None) -> GateResult:
    """Compare the bundle in the working tree at `root` with the one that production serves.

    With `base`, a git revision, rules, primary metric and split are read from that commit. An input that cannot be read
    is a refusal with the reason; nothing is raised.
    """
    try:
        collected = collect_inputs(root, base, ledger)
    except CollectionRefused as refusal:
        return _refused(refusal.check, refusal.digest)
    try:
        return _compared(collected)
    except GateError as error:
        return _refused(failed_check("comparison", error, _NOT_RUN), collected.inputs.candidate.bundle.digest)


def _compared(collected: Collected) -> GateResult:
    inputs = collected.inputs
    checks = (*collected.checks, *(_run_check(check, inputs) for check in CHECKS))
    found = improvement_over_production(inputs)
    verdict, sentence = decide_verdict(inputs, found, checks)
    candidate = inputs.candidate.bundle.digest
    production = inputs.production.bundle.digest if inputs.production else None
    return GateResult(
        verdict=verdict,
        sentence=sentence,
        candidate=candidate,
        production=production,
        ships={Verdict.PROMOTE: candidate, Verdict.KEEP: production, Verdict.REFUSE: None}[verdict],
        primary=inputs.problem.metric,
        confidence=inputs.rules.level,
        rows=len(inputs.candidate.scored.target),
        groups=inputs.candidate.scored.groups,
        relative=found,
        metrics=compare_metrics(inputs),
        slices=compare_slices(inputs),
        checks=checks,
        moved=(*collected.moved, *_changed_files(inputs), *_expired_exemptions(inputs)),
    )


def _run_check(check: Callable[[GateInputs], CheckResult], inputs: GateInputs) -> CheckResult:
    """Run one check; a failure that an exemption covers today passes with its reason."""
    try:
        found = check(inputs)
    except Exception as error:  # noqa: BLE001 - a check that breaks is a check that failed
        return failed_check(check.__name__, error, _NOT_RUN)
    if found.passed:
        return found
    today = datetime.now(UTC).date()
    for exemption in inputs.rules.exemptions:
        if exemption.check == found.name and today <= exemption.until:
            return msgspec.structs.replace(found, excepted=f"{exemption.reason}, until {exemption.until}")
    return found


def _changed_files(inputs: GateInputs) -> tuple[str, ...]:
    if inputs.production is None:
        return ()
    before, after = (side.bundle.manifest.files for side in (inputs.production, inputs.candidate))
    changed = [name for name in (CONTRACT, FEATURES) if before.get(name) != after.get(name)]
    return tuple(f"{name} differs from production's" for name in changed)


def _expired_exemptions(inputs: GateInputs) -> tuple[str, ...]:
    today = datetime.now(UTC).date()
    expired = [each for each in inputs.rules.exemptions if each.until < today]
    return tuple(f"the exemption for {each.check} expired on {each.until} and no longer counts" for each in expired)


def _refused(check: CheckResult, candidate: str | None) -> GateResult:
    return GateResult(
        verdict=Verdict.REFUSE,
        sentence=f"Refuse: {check.name} failed. {check.observed}",
        candidate=candidate,
        production=None,
        ships=None,
        primary="",
        confidence=0.0,
        checks=(check,),
    )
