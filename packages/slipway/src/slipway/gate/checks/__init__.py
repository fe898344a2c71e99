"""The gate's checks in the order of the report. A new one is a function with `gate_check`, and its line here."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import msgspec

from slipway.errors import GateError
from slipway.gate.checks import (
    behaviour,
    compatibility,
    holdout,
    leakage,
    newer,
    quality,
    reproduction,
    requests,
    served,
)
from slipway.gate.checks.check import Check
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult, failed_check
from slipway.gate.rules import GateRules

# Days ahead. What must pass for longer is no exception: its rule is wrong.
LONGEST_EXEMPTION = 180
CHECKS = (
    compatibility.not_blocked,
    compatibility.contract_compatible,
    holdout.holdout_disjoint,
    holdout.holdout_whole,
    reproduction.production_reproduced,
    holdout.no_duplicate_rows,
    holdout.no_near_copies,
    holdout.enough_data,
    holdout.enough_unseen,
    newer.newer_rows_dated,
    behaviour.metrics_reproduced,
    reproduction.record_reproduced,
    behaviour.predictions_sane,
    served.served_as_evaluated,
    served.contract_reads_holdout,
    requests.accepts_requests,
    served.source_allowed,
    served.latency_and_size,
    leakage.plausible_skill,
    leakage.plausible_gain,
    leakage.no_leaking_feature,
    quality.beats_baseline,
    quality.not_worse,
    quality.not_eroded,
    quality.no_slice_worse,
    quality.calibrated,
    quality.mean_prediction_in_range,
)


def run_checks(inputs: GateInputs) -> tuple[CheckResult, ...]:
    """Run every check; one that breaks has failed, and a failure that an exemption covers today passes with its reason.

    What fails before these checks leaves nothing to compare and cannot be exempted. Half of them wait for the process
    of a bundle, so two run at once.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {check.name: pool.submit(_run, check, inputs) for check in CHECKS if not check.alone}
    found = {name: each.result() for name, each in running.items()}
    found |= {check.name: _run(check, inputs) for check in CHECKS if check.alone}
    return tuple(found[check.name] for check in CHECKS)


def _run(check: Check, inputs: GateInputs) -> CheckResult:
    try:
        return _exempt(check(inputs), inputs)
    except Exception as error:  # noqa: BLE001 - a check that breaks is a check that failed
        return failed_check(check.name, error, "A check that cannot be run has not passed.")


def _exempt(found: CheckResult, inputs: GateInputs) -> CheckResult:
    for exemption in inputs.rules.exemptions:
        if not found.passed and exemption.check == found.name and inputs.today <= exemption.until:
            named = f", commit {exemption.commit}" if exemption.commit else ""
            return msgspec.structs.replace(found, excepted=f"{exemption.reason}{named}, until {exemption.until}")
    return found


def verify_exemptions(rules: GateRules, where: str, today: date) -> None:
    """Raise `GateError` for an exemption of another check than may be exempted, or one without an end in sight."""
    names = [check.name for check in CHECKS]
    for exemption in rules.exemptions:
        if exemption.check not in names:
            raise GateError(
                f"{where} has an exemption for {exemption.check}, expected one of {', '.join(names)}. No other check "
                "can be exempted. Fix the name, or remove the exemption."
            )
        if exemption.check == reproduction.production_reproduced.name and exemption.commit is None:
            raise GateError(
                f"{where} has an exemption for {exemption.check} without the commit that corrected the data. Add its "
                "digits as `commit:`, so that a reviewer can look at it."
            )
        if (exemption.until - today).days > LONGEST_EXEMPTION:
            last = today + timedelta(days=LONGEST_EXEMPTION)
            raise GateError(
                f"{where}: the exemption for {exemption.check} lasts until {exemption.until}, expected a day within "
                f"{LONGEST_EXEMPTION} days, {last} at the latest. Choose an earlier day, or change the rule instead."
            )
