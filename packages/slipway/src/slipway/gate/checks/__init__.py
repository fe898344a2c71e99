"""The gate's checks: each takes the case and returns one result."""

from slipway.gate.checks import behaviour, blocked, contract, holdout, leakage, quality

CHECKS = (
    *blocked.CHECKS,
    *contract.CHECKS,
    *holdout.CHECKS,
    *behaviour.CHECKS,
    *leakage.CHECKS,
    *quality.CHECKS,
)

__all__ = ["CHECKS"]
