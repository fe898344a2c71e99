"""A model of a sample goes the whole way: fitted, sealed, verified, served over HTTP, judged by the gate."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from slipway.bundle import Bundle, load_bundle
from slipway.bundle.verify import read_sealed
from slipway.data.prepared import write_parts
from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.local.target import LocalSettings, LocalTarget
from slipway.errors import LedgerError
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.record import RECORD, make_record, write_record
from slipway.evaluation.result import encode_evaluation
from slipway.evaluation.slices import cut_slices
from slipway.gate.result import GateResult, Verdict
from slipway.gate.rules import Exemption, read_gate_rules
from slipway.gate.run import run_gate
from slipway.git import Git
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.project import Project
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

if TYPE_CHECKING:
    import pandas as pd

    Parts = tuple[pd.DataFrame, pd.DataFrame]

# Intervals of a sample need no more.
_RESAMPLES = 200
_FOR_ALL_ROWS = ("enough_data", "beats_baseline", "calibrated", "mean_prediction_in_range")
_BY = "Conformance <conformance@example.invalid>"


class SampleRelease(NamedTuple):
    """A project in a folder of its own, whose production serves the very model that is its candidate."""

    root: Path
    bundle: Bundle


@pytest.fixture(scope="session")
def release(
    project: Project, project_root: Path, parts: "Parts", tmp_path_factory: pytest.TempPathFactory
) -> SampleRelease:
    """The model of the sample, as the pipeline would leave it, and a ledger that says that production serves it."""
    root = tmp_path_factory.mktemp("release")
    problem, params = project
    train, holdout = parts
    write_parts(train, holdout, root / "prepared")
    bundle = _seal(project, parts, root / "bundle")
    scored, baseline = score_holdout(bundle, problem, train, holdout)
    slices = cut_slices(problem.slices, holdout)
    few = msgspec.structs.replace(params.evaluate, resamples=min(_RESAMPLES, params.evaluate.resamples))
    evaluation = evaluate_holdout(scored, baseline, problem.metric, few, slices)
    (root / "metrics.json").write_bytes(encode_evaluation(evaluation))
    write_record(root / RECORD, make_record(bundle, problem, params, scored, holdout))
    (root / "params.yaml").write_bytes(msgspec.yaml.encode(msgspec.structs.replace(params, evaluate=few)))
    (root / "pyproject.toml").write_bytes((project_root / "pyproject.toml").read_bytes())
    rules = msgspec.structs.replace(read_gate_rules(project_root), exemptions=_exemptions())
    (root / "gate.yaml").write_bytes(msgspec.yaml.encode(rules))
    _put_into_production(root, bundle)
    return SampleRelease(root, bundle)


@pytest.fixture(scope="session")
def gate_result(release: SampleRelease) -> GateResult:
    """Return the gate's result for this model against itself."""
    return run_gate(release.root)


class ReleaseConformance:
    """Test what a first release of the problem passes through: the bundle, the gate, the service."""

    def test_the_sealed_model_is_verified_and_scores_as_the_estimator_did(self, release: SampleRelease) -> None:
        load_bundle(release.bundle.path, release.bundle.digest)

    def test_the_same_rows_and_parameters_seal_the_same_bundle(
        self, project: Project, parts: "Parts", release: SampleRelease, tmp_path: Path
    ) -> None:
        again = _seal(project, parts, tmp_path / "bundle")
        assert again.digest == release.bundle.digest, (
            "Training twice on the same rows gave two models. Pass `seed` of build(params, seed) to everything in "
            "model.py that draws random numbers."
        )

    def test_the_service_answers_over_http_with_the_scores_of_the_golden_rows(self, release: SampleRelease) -> None:
        # A rehearsal takes a free port, and not the one of the settings.
        target = LocalTarget(release.root, "conformance", LocalSettings(port=1))
        target.rehearse(PreparedRelease(read_sealed(release.bundle.path), None))

    def test_no_column_tells_the_target_by_itself(self, gate_result: GateResult) -> None:
        _passes(gate_result, "no_leaking_feature")

    def test_the_model_is_not_too_good_to_be_true(self, gate_result: GateResult) -> None:
        _passes(gate_result, "plausible_skill")

    def test_the_gate_keeps_production_when_the_candidate_is_the_same_model(self, gate_result: GateResult) -> None:
        assert gate_result.verdict is Verdict.KEEP, gate_result.sentence


def _exemptions() -> tuple[Exemption, ...]:
    """Exempt the sample's model from the limits that are meant for one of the whole dataset."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    reason = "a sample has fewer rows, and its model is weaker"
    return tuple(Exemption(check=name, reason=reason, until=tomorrow) for name in _FOR_ALL_ROWS)


def _seal(project: Project, parts: "Parts", folder: Path) -> Bundle:
    problem, params = project
    train, _ = parts
    fitted = fit_estimator(problem, params, train)
    return seal_bundle(problem, fitted, params.train.threshold, train, folder)[0]


def _put_into_production(root: Path, bundle: Bundle) -> None:
    Git(root, LedgerError).run("init", "--quiet", "--initial-branch", "main")
    ledger = Ledger(root)
    ledger.init(("staging", "production"), _BY, "conformance")
    served = Release(bundle=bundle.digest)
    ledger.append(
        "production",
        lambda newest: next_entry(newest, Event.PROMOTE, by=_BY, reason="conformance", release=served),
        bundle.path,
    )


def _passes(gate: GateResult, name: str) -> None:
    found = {check.name: check for check in gate.checks}.get(name)
    assert found is not None, gate.sentence
    assert found.stands, f"{name}: {found.observed}; the limit is {found.limit}. {found.why} {found.advice}"
