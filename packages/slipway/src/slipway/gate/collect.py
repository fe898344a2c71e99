"""Put a case together; whatever is missing or broken on the way is a failed check, never a way around the gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from slipway.bundle import Bundle
from slipway.bundle.verify import read_sealed, start_bundle
from slipway.data.prepared import read_part
from slipway.errors import BundleError, CertificateError, GoldenRowsError, SlipwayError
from slipway.evaluation.holdout import score_holdout
from slipway.evaluation.result import read_evaluation
from slipway.evaluation.scored import Scored, score_frame, verify_bundle_problem
from slipway.evaluation.slices import cut_slices
from slipway.gate.base_commit import read_base
from slipway.gate.inputs import GateInputs, ScoredBundle
from slipway.gate.result import CheckResult
from slipway.ledger import Ledger
from slipway.ledger.entry import Entry
from slipway.params import read_params
from slipway.problem import Problem, load_problem
from slipway.settings import project_settings

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT = "production"
_WHY = {
    "integrity": "A file that is not the sealed one was never evaluated.",
    "certificate": "A model that was not shown to score as its estimator is another model.",
    "golden_rows": "A model that scores otherwise here than where it was made will do so in production.",
    "ledger": "Without the ledger nobody knows what runs, and a worse model would pass as a first release.",
    "production": "What cannot be compared with what runs cannot be said to be no worse.",
    "inputs": "What cannot be read cannot be judged.",
}


class Refusal(Exception):  # noqa: N818 - a refusal, not a failure
    """The case cannot be put together; `check` says why."""

    def __init__(self, check: CheckResult, digest: str | None = None) -> None:
        super().__init__(check.observed)
        self.check = check
        self.digest = digest


class Collected(NamedTuple):
    """A case, the checks that opening it has already answered, and what the change moved about its own judgement."""

    case: GateInputs
    checks: tuple[CheckResult, ...]
    moved: tuple[str, ...]


def collect_inputs(root: Path, base: str | None, ledger: Ledger | None) -> Collected:
    """Read everything from the working tree at `root`, production's bundle from the ledger; raises `Unopened`."""
    with _answering("inputs"):
        package = project_settings(root).problem
        own = load_problem(package)
        problem, params, rules, moved = read_base(
            root, package, own, read_params(own.params, root / "params.yaml"), base
        )
        train, holdout = read_part(root / "prepared", "train"), read_part(root / "prepared", "holdout")
        committed = read_evaluation(root / "metrics.json")
    candidate, checks = _candidate(root / "bundle", problem)
    with _answering("inputs", candidate.digest):
        scored, baseline = score_holdout(candidate, problem, train, holdout)
        parts = cut_slices(problem.slices, holdout)
    with _answering("ledger", candidate.digest):
        found = ledger or Ledger(root)
        entry = found.read(ENVIRONMENT)
    production = _production(found, entry, root, problem, holdout, scored)
    case = GateInputs(
        problem=problem,
        params=params,
        rules=rules,
        entry=entry,
        train=train,
        holdout=holdout,
        candidate=ScoredBundle(candidate, scored),
        production=production,
        baseline=baseline,
        committed=committed,
        parts=parts,
    )
    return Collected(case, checks, moved)


def _candidate(path: Path, problem: Problem) -> tuple[Bundle, tuple[CheckResult, ...]]:
    with _answering("integrity"):
        try:
            sealed = read_sealed(path)
        except CertificateError as error:
            raise Refusal(_failed("certificate", error)) from error
    with _answering("integrity", sealed.digest):
        try:
            bundle = start_bundle(sealed)
        except GoldenRowsError as error:
            raise Refusal(_failed("golden_rows", error), sealed.digest) from error
        verify_bundle_problem(bundle, problem)
    golden = len(bundle.golden()[1])
    return bundle, (
        _passed("integrity", f"{len(sealed.manifest.files)} files as sealed", "every file as sealed, no other"),
        _passed("certificate", "passed", "the estimator's scores on the whole holdout"),
        _passed("golden_rows", f"{golden} rows score as they did", "each within 1e-05"),
    )


def _production(
    ledger: Ledger, entry: Entry, root: Path, problem: Problem, holdout: "pd.DataFrame", candidate: Scored
) -> ScoredBundle | None:
    """What production serves, scored on the same rows by its own contract and features; None before the first."""
    if entry.serving is None:
        return None
    digest = entry.serving.bundle
    with _answering("ledger"):
        folder = ledger.fetch_bundle(digest, root / ".slipway" / "bundles")
    with _answering("production"):
        bundle = start_bundle(read_sealed(folder, digest))
        verify_bundle_problem(bundle, problem)
        scored = score_frame(bundle, _with_absent(bundle, holdout))
        if scored.classes != candidate.classes:
            raise BundleError(
                f"Production's model knows the classes {scored.classes}, the candidate {candidate.classes}: their "
                "scores cannot be compared. Bring the classes back, or begin another problem under another name."
            )
    return ScoredBundle(bundle, scored)


def _with_absent(bundle: Bundle, holdout: "pd.DataFrame") -> "pd.DataFrame":
    """The holdout with what only production's contract knows, as missing, where that may be missing."""
    absent = {field.name: None for field in bundle.fields if field.nullable and field.name not in holdout}
    return holdout.assign(**absent).astype(dict.fromkeys(absent, object)) if absent else holdout


@contextmanager
def _answering(name: str, digest: str | None = None) -> Iterator[None]:
    """Turn every error into a failed check of that name."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:  # an error is a refusal, whatever it is
        raise Refusal(_failed(name, error), digest) from error


def _failed(name: str, error: Exception) -> CheckResult:
    own = isinstance(error, SlipwayError)
    return CheckResult(
        name=name,
        passed=False,
        observed=str(error) if own else f"raised {type(error).__name__}: {error}",
        limit="readable and whole",
        why=_WHY[name],
        advice="Do what the text says, then run the gate again." if own else "This is a mistake in the code: mend it.",
    )


def _passed(name: str, observed: str, limit: str) -> CheckResult:
    return CheckResult(name=name, passed=True, observed=observed, limit=limit, why=_WHY[name])
