"""The gate's checks: each takes the inputs and returns one result, named as its function."""

from slipway.gate.checks import behaviour, compatibility, holdout, leakage, quality

CHECKS = (
    *compatibility.CHECKS,
    *holdout.CHECKS,
    *behaviour.CHECKS,
    *leakage.CHECKS,
    *quality.CHECKS,
)

__all__ = ["CHECKS"]
