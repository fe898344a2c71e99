"""The reference of an environment: the releases that answered, their evaluations, and the trivial baseline."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Manifest
from slipway.bundle.verify import read_sealed
from slipway.errors import BundleError, DataError, LedgerError, SettingsError
from slipway.evaluation.record import RECORD, EvaluationRecord, decode_record
from slipway.evaluation.result import Evaluation, decode_evaluation, find_metric
from slipway.git import Git
from slipway.ledger import Ledger
from slipway.ledger.entry import Release
from slipway.problem import Task
from slipway.settings import project_settings

_METRICS = "metrics.json"


class ReleaseReference(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One release: its verified bundle, and what it got on the holdout when it was made, where that is known.

    `baseline` is what the trivial baseline always predicts: a score for each class, or one number; None where nothing
    tells it. `folder` is the bundle's: its code does not run here.
    """

    bundle: str
    folder: Path
    manifest: Manifest
    evaluation: Evaluation | None
    baseline: NDArray[np.float64] | None


def read_release_reference(root: Path, environment: str) -> ReleaseReference:
    """Read what serves in the environment by the ledger; without a ledger the bundle of the working folder."""
    settings = project_settings(root)
    ledger = Ledger(root, settings)
    if not ledger.exists() or environment not in ledger.environments():
        return _read_working_folder(root, environment)
    serving = ledger.read(environment).serving
    if serving is None:
        raise LedgerError(
            f"Nothing is measured: {environment} serves nothing by the ledger. `slipway deploy` or `slipway promote` "
            "brings it a release."
        )
    folder = ledger.fetch_bundle(serving.bundle, root / ".slipway" / "bundles")
    content = ledger.fetch_record(serving.bundle)
    record = decode_record(content) if content else None
    return _describe(serving.bundle, folder, _read_evaluation(root, serving), record)


def _read_working_folder(root: Path, environment: str) -> ReleaseReference:
    try:
        sealed = read_sealed(root / "bundle")
    except BundleError as error:
        raise SettingsError(
            f"Nothing is measured: the ledger has no environment {environment}, and there is no bundle here either. "
            f"{error}"
        ) from error
    metrics, record = root / _METRICS, root / RECORD
    evaluation = decode_evaluation(metrics.read_bytes()) if metrics.is_file() else None
    found = decode_record(record.read_bytes()) if record.is_file() else None
    return _describe(sealed.digest, sealed.path, evaluation, found if found and found.bundle == sealed.digest else None)


def _read_evaluation(root: Path, release: Release) -> Evaluation | None:
    """Return the evaluation in the commit that the release was made from, None where it cannot be read."""
    if release.commit is None:
        return None
    done = Git(root, DataError).attempt("show", f"{release.commit}:./{_METRICS}")
    return decode_evaluation(done.output) if done.exit_code == 0 else None


def _describe(
    digest: str, folder: Path, evaluation: Evaluation | None, record: EvaluationRecord | None
) -> ReleaseReference:
    sealed = read_sealed(folder, digest)
    return ReleaseReference(
        bundle=digest,
        folder=folder,
        manifest=sealed.manifest,
        evaluation=evaluation,
        baseline=_find_baseline(sealed.manifest.task, evaluation, record),
    )


def _find_baseline(
    task: Task, evaluation: Evaluation | None, record: EvaluationRecord | None
) -> NDArray[np.float64] | None:
    """Return the training set's base rate or mean, from the baseline's mean error and the holdout's outcomes.

    The evaluation knows no such error for several classes: there the holdout's shares stand for those of training.
    """
    if record is None:
        return None
    shares = np.array([sum(part) for part in record.outcomes]) / sum(record.rows)
    error = find_metric(evaluation, "mean_error") if evaluation else None
    if task is not Task.MULTICLASS and error and error.baseline:
        return shares + error.baseline.value
    return shares
