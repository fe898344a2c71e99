"""Define a check: one function of the gate's inputs, with the texts that explain it."""

from collections.abc import Callable
from typing import NamedTuple

from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult


class Finding(NamedTuple):
    """The outcome of a check: `observed` and `limit` are short texts with units."""

    passed: bool
    observed: str
    limit: str


class Check(NamedTuple):
    """A check: its name in the report, its reason, and what to do where it fails; `gate.yaml` may exempt each.

    One that measures time runs `alone`.
    """

    name: str
    judge: Callable[[GateInputs], Finding]
    why: str
    advice: str
    alone: bool = False

    def __call__(self, inputs: GateInputs) -> CheckResult:
        """Judge the candidate."""
        passed, observed, limit = self.judge(inputs)
        return CheckResult(
            name=self.name, passed=passed, observed=observed, limit=limit, why=self.why, advice=self.advice
        )


def gate_check(*, why: str, advice: str, alone: bool = False) -> Callable[[Callable[[GateInputs], Finding]], Check]:
    """Turn a function into a `Check` of its name."""
    return lambda judge: Check(judge.__name__, judge, why, advice, alone)
