"""Collect the gate's inputs; whatever is missing or broken is a failed check, never a way around the gate."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.bundle.isolation import IsolatedBundle, isolate_bundle, start_server
from slipway.bundle.manifest import CERTIFIED_ROWS, Certificate
from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.data.prepared import read_parts
from slipway.errors import BundleError, CertificateError, GoldenRowsError, LedgerError
from slipway.evaluation.holdout import score_holdout
from slipway.evaluation.record import RECORD, EvaluationRecord, decode_record, read_record
from slipway.evaluation.result import read_evaluation
from slipway.evaluation.scored import Scored, score_frame, verify_bundle_problem
from slipway.gate.anchors import list_anchors, score_anchors
from slipway.gate.base_commit import BaseRules, read_base
from slipway.gate.checks import verify_exemptions
from slipway.gate.inputs import Anchors, GateInputs, ScoredBundle
from slipway.gate.judged_slices import cut_judged_slices
from slipway.gate.problem_process import PRELOAD, ProblemProcess
from slipway.gate.result import CheckResult, failed_check
from slipway.gate.rules import Tie
from slipway.gate.statistics.reproduction import add_absent_columns
from slipway.ledger import Ledger
from slipway.ledger.entry import PRODUCTION, Entry, Release
from slipway.params import read_params
from slipway.problem import ProblemFacts
from slipway.project import verify_results
from slipway.settings import project_settings

if TYPE_CHECKING:
    import pandas as pd

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


def collect_inputs(root: Path, base: str | None, ledger: Ledger | None) -> GateInputs:
    """Read everything from the working tree at `root`, production's bundle from the ledger.

    Raises `CollectionRefused`.
    """
    with _refusing("inputs"):
        start_server(PRELOAD)
        today = datetime.now(UTC).date()
        settings = project_settings(root)
        verify_results(settings)
        params = read_params(None, root / "params.yaml")
        # While the server imports what the problem needs.
        train, holdout = read_parts(root / "prepared")
        committed, record = read_evaluation(root / "metrics.json"), read_record(root / RECORD)
        team = ProblemProcess(root, settings.problem)
        judged = read_base(root, settings.problem, team.read_facts(), params, base)
        verify_exemptions(judged.rules, judged.where, today)
    candidate, collected = _candidate(root / "bundle", judged.problem, len(train))
    with _refusing("inputs", candidate.digest):
        scored, baseline = score_holdout(candidate, judged.problem, train, holdout)
        slices = cut_judged_slices(root, settings.problem, team, len(holdout), base)
    with _refusing("ledger", candidate.digest):
        found = ledger or Ledger(root)
        entry, release = found.read(PRODUCTION), found.champion(PRODUCTION)
    fetch = partial(found.fetch_bundle, folder=root / ".slipway" / "bundles")
    production = _production(fetch, release, judged.problem, holdout, scored)
    return GateInputs(
        problem=judged.problem,
        params=judged.params,
        rules=judged.rules,
        today=today,
        entry=entry,
        train=train,
        holdout=holdout,
        candidate=ScoredBundle(candidate, scored),
        production=production,
        dethroned=_dethroned(fetch, entry, release),
        anchors=_anchors(found, fetch, judged, holdout, candidate, production),
        threshold=judged.threshold,
        baseline=baseline,
        committed=committed,
        committed_record=record,
        slices=slices.parts,
        uncut=slices.uncut,
        evaluation_record=_read_record(found, release),
        moved=(*judged.moved, *slices.moved),
        collected=(*collected, _passed("ledger", found.trust, "signed, or said that it is not")),
    )


def _candidate(path: Path, problem: ProblemFacts, trained: int) -> tuple[IsolatedBundle, tuple[CheckResult, ...]]:
    with _refusing("integrity", certificate=CertificateError):
        sealed = read_sealed(path)
    with _refusing("integrity", sealed.digest, golden_rows=GoldenRowsError):
        bundle = isolate_bundle(sealed)
        verify_bundle_problem(bundle, problem)
    with _refusing("certificate", sealed.digest):
        certified = _certified(sealed, trained)
    golden = bundle.golden_rows
    return bundle, (
        _passed("integrity", f"{len(sealed.manifest.files)} files as sealed", "every file as sealed, no other file"),
        _passed("certificate", certified, "the estimator's scores, and no changed label"),
        _passed("golden_rows", f"{golden} rows score as when sealed", "each within 1e-05"),
    )


def _certified(sealed: SealedBundle, trained: int) -> str:
    """Say on which rows the exported model was compared with the estimator; `trained` are those of the training set.

    Raises `CertificateError` for a certificate over fewer rows than training compares.
    """
    found = msgspec.json.decode(sealed.files["certificate.json"], type=Certificate)
    if found.training < min(trained, CERTIFIED_ROWS):
        raise CertificateError(
            f"{sealed.path / 'certificate.json'}: expected a comparison on the training set of {trained:,} rows, found "
            f"{found.training:,} of its rows. Run `dvc repro train`."
        )
    return (
        f"the same on {found.training:,} training rows, {found.thresholds:,} around the trees' thresholds and "
        f"{found.extremes:,} extreme ones"
    )


def _production(
    fetch: Callable[[str], Path],
    release: Release | None,
    problem: ProblemFacts,
    holdout: "pd.DataFrame",
    candidate: Scored,
) -> ScoredBundle | None:
    """Score the champion on the same rows by its own contract and features; None where there is none."""
    if release is None:
        return None
    digest = release.bundle
    with _refusing("ledger"):
        folder = fetch(digest)
    with _refusing("production"):
        bundle = isolate_bundle(read_sealed(folder, digest))
        verify_bundle_problem(bundle, problem)
        scored = score_frame(bundle, add_absent_columns(bundle.fields, holdout))
        if scored.classes != candidate.classes:
            raise BundleError(
                f"Cannot compare scores: production's model has the classes {scored.classes}, the candidate "
                f"{candidate.classes}. Restore the classes, or give the new problem a name of its own."
            )
    return ScoredBundle(bundle, scored)


def _dethroned(fetch: Callable[[str], Path], entry: Entry, release: Release | None) -> IsolatedBundle | None:
    """Return the bundle that production serves where it is distrusted: its clients know its contract."""
    if entry.serving is None or entry.serving == release:
        return None
    digest = entry.serving.bundle
    with _refusing("production"):
        return isolate_bundle(read_sealed(fetch(digest), digest))


def _anchors(
    ledger: Ledger,
    fetch: Callable[[str], Path],
    judged: BaseRules,
    holdout: "pd.DataFrame",
    candidate: IsolatedBundle,
    champion: ScoredBundle | None,
) -> Anchors:
    """Score earlier releases, where ties may ship, so that one small loss can follow another."""
    if champion is None:
        return Anchors()
    same_threshold = candidate.manifest.threshold == champion.bundle.manifest.threshold
    if same_threshold and judged.rules.tie is not Tie.CANDIDATE:
        return Anchors()
    with _refusing("ledger"):
        digests = list_anchors(ledger.history(PRODUCTION), champion.bundle.digest, judged.rules.anchors)
        return score_anchors(digests, fetch, judged.problem, holdout, champion)


def _read_record(ledger: Ledger, release: Release | None) -> EvaluationRecord | None:
    """Return the evaluation record of the champion, None where it has none."""
    if release is None:
        return None
    with _refusing("ledger"):
        content = ledger.fetch_record(release.bundle)
        record = decode_record(content, "the evaluation record of production's model") if content else None
        if record and record.bundle != release.bundle:
            raise LedgerError(f"The evaluation record of the bundle {release.bundle[:12]} is of {record.bundle[:12]}.")
        return record


@contextmanager
def _refusing(name: str, digest: str | None = None, **others: type[Exception]) -> Iterator[None]:
    """Turn every error into a `CollectionRefused` by the check `name`, or by the one that `others` has for its type."""
    try:
        yield
    except Exception as error:  # an error is a refusal, whatever it is
        name = next((other for other, kind in others.items() if isinstance(error, kind)), name)
        raise CollectionRefused(failed_check(name, error, _WHY[name]), digest) from error


def _passed(name: str, observed: str, limit: str) -> CheckResult:
    return CheckResult(name=name, passed=True, observed=observed, limit=limit, why=_WHY[name])
