"""Run the gate: collect the inputs, run every check, decide, and say so in a sentence for a reviewer."""

from collections.abc import Sequence
from pathlib import Path

from slipway.errors import GateError
from slipway.evaluation.metrics import metric_value
from slipway.figures import Figure, format_limit
from slipway.gate.checks import run_checks
from slipway.gate.checks.collected import CollectionRefused
from slipway.gate.checks.newer import compare_newer_rows
from slipway.gate.collect import collect_inputs
from slipway.gate.inputs import GateInputs, ScoredBundle
from slipway.gate.moved import list_moved
from slipway.gate.result import CheckResult, GateResult, Verdict, failed_check
from slipway.gate.rules import Decides, Tie
from slipway.gate.statistics.comparison import compare_metrics
from slipway.gate.wording import describe_change, describe_difference, describe_interval, loss_name
from slipway.ledger import Ledger


def run_gate(
    root: Path, *, base: str | None = None, ledger: Ledger | None = None, log: Path | None = None
) -> GateResult:
    """Compare the bundle in the working tree at `root` with the one that production serves.

    With `base`, a git revision, rules, primary metric and split are read from that commit. `log` is a folder
    with production's prediction log, where that is not the one on this machine. An input that cannot be read
    is a refusal with the reason; nothing is raised.
    """
    try:
        inputs = collect_inputs(root, base, ledger, log)
    except CollectionRefused as refusal:
        return _refused(refusal.check, refusal.digest)
    try:
        return _judge(inputs)
    except Exception as error:  # noqa: BLE001 - an error is a refusal, whatever it is
        check = failed_check("comparison", error, "A check that cannot be run has not passed.")
        return _refused(check, inputs.candidate.bundle.digest)


def _judge(inputs: GateInputs) -> GateResult:
    checks = (*inputs.collected, *run_checks(inputs))
    relative = inputs.newer.gain if inputs.newer_decide and inputs.newer else inputs.gain
    verdict, sentence = decide_verdict(inputs, relative, checks)
    scored, candidate = inputs.compared(inputs.candidate), inputs.candidate.bundle.digest
    production = inputs.serving.digest if inputs.serving else None
    return GateResult(
        verdict=verdict,
        sentence=sentence,
        candidate=candidate,
        production=production,
        ships={Verdict.PROMOTE: candidate, Verdict.KEEP: production, Verdict.REFUSE: None}[verdict],
        primary=inputs.problem.metric,
        confidence=inputs.rules.level,
        rows=len(scored.target),
        groups=scored.groups,
        relative=inputs.gain,
        smallest_seen=inputs.smallest_seen,
        metrics=compare_metrics(
            scored,
            inputs.compared(inputs.production) if inputs.production else None,
            inputs.rules.level,
            inputs.params.evaluate,
            inputs.draws if scored is inputs.candidate.scored else None,
        ),
        newer=compare_newer_rows(inputs),
        slices=inputs.slice_gains,
        checks=checks,
        moved=list_moved(inputs),
    )


def decide_verdict(inputs: GateInputs, relative: Figure | None, checks: Sequence[CheckResult]) -> tuple[Verdict, str]:
    """Refuse if a check does not stand, promote a significantly better or a first candidate, else keep production.

    `relative` is the comparison on the rows that decide. A candidate that is significantly worse there, but within the
    margin that the check `not_worse` allows, is no tie: it does not ship under either rule for ties. In place of a
    distrusted model every candidate ships that passes. Raises `GateError` where there is a production but no
    comparison.
    """
    if failed := [check for check in checks if not check.stands]:
        return Verdict.REFUSE, _failures(failed)
    verdict, sentence = _first(inputs) if inputs.production is None else _compared(inputs, inputs.production, relative)
    if inputs.rules.decides is Decides.NEWER and inputs.newer and inputs.newer.obstacle:
        sentence += f" Decided on the whole holdout: {inputs.newer.obstacle}."
    exempted = [f"{check.name} ({check.excepted})" for check in checks if not check.passed]
    return verdict, sentence + (f" Passed by exemption: {', '.join(exempted)}." if exempted else "")


def _failures(failed: Sequence[CheckResult]) -> str:
    first, *others = failed
    text = f"Refuse: {first.name} failed. Found: {first.observed}; allowed: {first.limit}."
    return f"{text} Also failed: {', '.join(check.name for check in others)}." if others else text


def _first(inputs: GateInputs) -> tuple[Verdict, str]:
    compared = describe_difference(inputs, inputs.skill, "the trivial baseline's")
    how = "as the first release"
    if inputs.dethroned:
        how = f"in place of production's model {inputs.dethroned.digest[:12]}, which is distrusted like all before it"
    return Verdict.PROMOTE, (
        f"Promote, {how}: {compared}, {inputs.problem.metric} {_primary(inputs, inputs.candidate)} on {_size(inputs)}."
    )


def _compared(inputs: GateInputs, production: ScoredBundle, relative: Figure | None) -> tuple[Verdict, str]:
    if relative is None or relative.low is None or relative.high is None:
        raise GateError(
            "There is no interval between candidate and production, so neither can be said to be better. Hold out "
            "more groups (split.holdout in params.yaml)."
        )
    digest = inputs.candidate.bundle.digest
    if digest == production.bundle.digest and not inputs.dethroned:
        return Verdict.KEEP, f"Keep: the candidate is the bundle that production runs already, {digest[:12]}."
    name = _loss_where_decided(inputs)
    numbers = (
        f"{describe_change(relative.value)} ({inputs.rules.level:.0%} interval {describe_interval(relative)}; "
        f"{inputs.problem.metric} {_primary(inputs, inputs.candidate)} against {_primary(inputs, production)} on "
        f"{_size(inputs)})"
    )
    if inputs.dethroned:
        return Verdict.PROMOTE, (
            f"Promote, in place of production's model {inputs.dethroned.digest[:12]}, which is distrusted: compared "
            f"with the release {production.bundle.digest[:12]} before it, the candidate's {name} is {numbers}."
        )
    if relative.low > 0:
        return Verdict.PROMOTE, f"Promote: the candidate's {name} is {numbers}."
    if inputs.is_worse or relative.high < 0:
        return Verdict.KEEP, (
            f"Keep production's model: the candidate's {name} is {numbers}; that is "
            f"statistically significant (one-sided){_describe_margin(inputs, relative)}."
        )
    tie = f"the candidate's {name} does not differ significantly from production's: {numbers}"
    if inputs.moved_threshold and inputs.moved_threshold[1] == inputs.threshold:
        before, after = inputs.moved_threshold
        return Verdict.PROMOTE, f"Promote for the reviewed decision threshold {after:g} (was {before:g}): {tie}."
    if inputs.rules.tie is Tie.CANDIDATE:
        return Verdict.PROMOTE, f"Promote the newer model, as the rule for ties says: {tie}."
    return Verdict.KEEP, f"Keep production's model: {tie}."


def _loss_where_decided(inputs: GateInputs) -> str:
    """Name the loss, and the rows where those of the whole holdout do not decide."""
    name = loss_name(inputs.problem.task, inputs.problem.metric)
    if inputs.newer_decide and inputs.newer:
        return f"{name} after {inputs.newer.day:%Y-%m-%d}, production's last training day,"
    return name


def _describe_margin(inputs: GateInputs, relative: Figure) -> str:
    """Say how a significant loss lies to the margin of `not_worse`, which is about the whole holdout."""
    if inputs.newer_decide:
        return ""
    margin = f"the margin of {format_limit(inputs.rules.margin)}"
    if relative.value < -inputs.rules.margin:
        return f", and beyond {margin}: an exemption lets the code ship, and not the model"
    return f", but within {margin}"


def _primary(inputs: GateInputs, side: ScoredBundle) -> str:
    return f"{metric_value(inputs.compared(side, inputs.decisive_rows), inputs.problem.metric):.4g}"


def _size(inputs: GateInputs) -> str:
    scored = inputs.compared(inputs.candidate, inputs.decisive_rows)
    return f"{len(scored.target):,} rows in {scored.groups:,} groups"


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
