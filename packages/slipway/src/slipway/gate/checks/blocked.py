"""Whether the candidate was here before and did not stay."""

from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult


def not_blocked(case: GateInputs) -> CheckResult:
    """A digest that was rolled back, or failed in an environment, does not come back by itself."""
    number = case.entry.blocked.get(case.candidate.bundle.digest)
    return CheckResult(
        name="not_blocked",
        passed=number is None,
        observed="never rolled back" if number is None else f"blocked by entry {number} of {case.entry.environment}",
        limit="no digest that was rolled back or failed",
        why="What had to be taken out of production once would have to be again.",
        advice="`slipway history production` says why; `slipway ledger unblock` lets it back, with a reason.",
    )


CHECKS = (not_blocked,)
