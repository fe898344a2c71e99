"""Collect the gate's inputs; whatever is missing or broken is a failed check, never a way around the gate."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from slipway.bundle.isolation import IsolatedBundle, isolate_bundle, start_server
from slipway.bundle.manifest import CERTIFIED_ROWS, TOLERANCE, Certificate
from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.data.prepared import read_parts
from slipway.errors import CertificateError, GoldenRowsError
from slipway.evaluation.holdout import score_holdout
from slipway.evaluation.record import RECORD, read_record
from slipway.evaluation.result import read_evaluation
from slipway.evaluation.scored import verify_bundle_problem
from slipway.gate.base_commit import BaseRules, read_base
from slipway.gate.checks import verify_exemptions
from slipway.gate.checks.collected import passed_check, refusing
from slipway.gate.inputs import GateInputs, ScoredBundle
from slipway.gate.judged_slices import cut_judged_slices
from slipway.gate.problem_process import PRELOAD, ProblemProcess
from slipway.gate.releases import Releases, read_releases
from slipway.gate.result import CheckResult
from slipway.ledger import Ledger
from slipway.ledger.entry import PRODUCTION, Entry
from slipway.params import read_params
from slipway.problem import ProblemFacts
from slipway.project import verify_results
from slipway.serving.log.requests import LoggedRequests, choose_requests
from slipway.settings import local_log, project_settings

if TYPE_CHECKING:
    import pandas as pd


def collect_inputs(root: Path, base: str | None, ledger: Ledger | None, log: Path | None) -> GateInputs:
    """Read everything from the working tree at `root`, production's bundle from the ledger.

    `log` is the folder of production's prediction log; where it is None, that of a production on this machine.
    Raises `CollectionRefused`.
    """
    with refusing("inputs"):
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
    with ThreadPoolExecutor() as pool:
        # The code of the problem, of production's model and of the candidate runs in three processes at the same time.
        cut = pool.submit(cut_judged_slices, root, settings.problem, team, len(holdout), base)
        read = pool.submit(_read_ledger, root, ledger, judged, candidate, holdout)
        with refusing("inputs", candidate.digest):
            scored, baseline = score_holdout(candidate, judged.problem, train, holdout)
            slices = cut.result()
        with refusing("ledger", candidate.digest):
            trust, releases = read.result()
    with refusing("inputs", candidate.digest):
        requests = _read_requests(root, releases.entry, log)
    return GateInputs(
        problem=judged.problem,
        params=judged.params,
        rules=judged.rules,
        today=today,
        entry=releases.entry,
        train=train,
        holdout=holdout,
        candidate=ScoredBundle(candidate, scored),
        production=releases.champion,
        dethroned=releases.dethroned,
        anchors=releases.anchors,
        threshold=judged.threshold,
        baseline=baseline,
        committed=committed,
        committed_record=record,
        slices=slices.parts,
        uncut=slices.uncut,
        evaluation_record=releases.record,
        requests=requests,
        moved=(*judged.moved, *slices.moved),
        collected=(*collected, passed_check("ledger", trust, "signed, or said that it is not")),
    )


def _read_ledger(
    root: Path, ledger: Ledger | None, judged: BaseRules, candidate: IsolatedBundle, holdout: "pd.DataFrame"
) -> tuple[str, Releases]:
    ledger = ledger or Ledger(root)
    trust = ledger.trust
    return trust, read_releases(root, ledger, judged, candidate, holdout)


def _read_requests(root: Path, entry: Entry, log: Path | None) -> LoggedRequests | None:
    """Return what production's model took in its last week; None where nothing serves, or no log is in reach."""
    folder = log or local_log(root, PRODUCTION)
    if entry.serving is None or not folder.is_dir():
        return None
    return choose_requests(folder, entry.serving.bundle, datetime.now(UTC))


def _candidate(path: Path, problem: ProblemFacts, trained: int) -> tuple[IsolatedBundle, tuple[CheckResult, ...]]:
    with refusing("integrity", certificate=CertificateError):
        sealed = read_sealed(path)
    with refusing("integrity", sealed.digest, golden_rows=GoldenRowsError):
        bundle = isolate_bundle(sealed)
        verify_bundle_problem(bundle, problem)
    with refusing("certificate", sealed.digest):
        certified = _certified(sealed, trained)
    golden = bundle.golden_rows
    return bundle, (
        passed_check(
            "integrity", f"{len(sealed.manifest.files)} files as sealed", "every file as sealed, no other file"
        ),
        passed_check("certificate", certified, "the estimator's scores, and no changed label"),
        passed_check("golden_rows", f"{golden} rows score as when sealed", f"each within {TOLERANCE:g}"),
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
