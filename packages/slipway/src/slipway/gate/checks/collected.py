"""Checks that are made while the inputs are collected: whatever cannot be read is a refusal with its reason."""

from collections.abc import Iterator
from contextlib import contextmanager

from slipway.gate.result import CheckResult, failed_check

_WHY = {
    "integrity": "A file that differs from the sealed one was never evaluated.",
    "certificate": "Only the parity certificate shows that the exported model scores as the trained estimator does.",
    "golden_rows": "A model that scores differently here than where it was sealed will do so in production too.",
    "ledger": "Without the ledger production's model is unknown, and a worse one would pass as a first release.",
    "production": "Without a comparison with production's model nothing shows that the candidate is no worse.",
    "inputs": "The gate cannot judge what it cannot read.",
}


class CollectionRefused(Exception):  # noqa: N818 - a refusal, not a failure
    """The inputs cannot be collected; `check` says why, `digest` is the candidate's if known."""

    def __init__(self, check: CheckResult, digest: str | None = None) -> None:
        super().__init__(check.observed)
        self.check = check
        self.digest = digest


@contextmanager
def refusing(name: str, digest: str | None = None, **others: type[Exception]) -> Iterator[None]:
    """Turn every error into a `CollectionRefused` by the check `name`, or by the one that `others` has for its type.

    A refusal from within keeps its check; `digest` is the candidate's, where it is known.
    """
    try:
        yield
    except CollectionRefused as refusal:
        raise CollectionRefused(refusal.check, refusal.digest or digest) from refusal
    except Exception as error:  # an error is a refusal, whatever it is
        name = next((other for other, kind in others.items() if isinstance(error, kind)), name)
        raise CollectionRefused(failed_check(name, error, _WHY[name]), digest) from error


def passed_check(name: str, observed: str, limit: str) -> CheckResult:
    """Return the result of a check that passed."""
    return CheckResult(name=name, passed=True, observed=observed, limit=limit, why=_WHY[name])
