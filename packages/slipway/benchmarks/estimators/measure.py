"""Seal one estimator, or see it refused, and hold its export against it on fresh rows."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from contract import Order, Parcel
from orders import make_orders, without_gaps

from slipway import Card, Problem, Task
from slipway.bundle.inputs import encode_inputs
from slipway.bundle.manifest import TOLERANCE
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.errors import SlipwayError
from slipway.params import EvaluateParams, Params, SplitParams, TrainParams
from slipway.training.certify import find_flips
from slipway.training.export import export_onnx
from slipway.training.fit import Fitted, fit_estimator, predict_scores
from slipway.training.seal import seal_bundle

TARGETS = {Task.BINARY: "late", Task.MULTICLASS: "grade", Task.REGRESSION: "claim"}
THRESHOLD = 0.4


class Case(NamedTuple):
    """An estimator by its name; `gaps` trains it on texts and missing values too, `most` bounds its training rows."""

    name: str
    task: Task
    build: Callable[[], Any]
    gaps: bool = False
    most: int = 1_000_000


class Found(NamedTuple):
    """The result of a case: `refused` is empty for a sealed bundle, `difference` None where there is no export.

    `off` counts the fresh rows whose score differs by more than the tolerance, or whose label changed.
    """

    case: Case
    refused: str
    difference: float | None
    off: int | None

    @property
    def verdict(self) -> str:
        """Say whether the refusal was right."""
        if self.off is None:
            return "refused"
        exact = self.off == 0
        if self.refused:
            return "REFUSED, but exact" if exact else "refused"
        return "sealed" if exact else "SEALED, but differs"


class NoParams(msgspec.Struct, frozen=True):
    """The estimators here have no parameters."""


def try_case(case: Case, rows: int, fresh: int) -> Found:
    """Train and seal on `rows` rows; compare on `fresh` ones."""
    warnings.filterwarnings("ignore")
    problem = _problem(case)
    train = _frame(case, min(rows, case.most), seed=1)
    fitted, refused = None, ""
    params = Params(
        split=SplitParams(salt="estimators", holdout=0.2),
        train=TrainParams(seed=1, threshold=THRESHOLD),
        evaluate=EvaluateParams(resamples=200, confidence=0.95, seed=1),
        model=NoParams(),
    )
    try:
        fitted = fit_estimator(problem, params, train)
        with tempfile.TemporaryDirectory() as folder:
            seal_bundle(problem, fitted, THRESHOLD, train, Path(folder) / "bundle")
    except SlipwayError as error:
        refused = str(error)
    except Exception as error:  # noqa: BLE001 - a traceback is what must not happen: it is shown as such
        refused = f"TRACEBACK {type(error).__name__}: {error}"
    return Found(case, refused, *_compare(case, problem, fitted, fresh))


def _compare(case: Case, problem: Problem, fitted: Fitted | None, fresh: int) -> tuple[float | None, int | None]:
    if fitted is None:
        return None, None
    frame = _frame(case, fresh, seed=2, unseen=0.01)
    tensor = encode_inputs(fitted.inputs, frame_to_columns(read_contract(problem.contract), frame))
    try:
        expected, scores = predict_scores(fitted, tensor), Scorer(export_onnx(fitted), case.task).run(tensor)
        scale = float(np.std(scores)) if case.task is Task.REGRESSION else 1.0
        off = score_difference(scores, expected, scale)
        flips = find_flips(scores, expected, THRESHOLD if case.task is Task.BINARY else None)
    except Exception:  # noqa: BLE001 - no export that answers: nothing to compare
        return None, None
    return float(off.max()), int(((off > TOLERANCE) | flips).sum())


def _frame(case: Case, rows: int, seed: int, unseen: float = 0.0) -> pd.DataFrame:
    frame = make_orders(rows, seed, unseen)
    frame = frame if case.gaps else without_gaps(frame)
    return frame.assign(target=frame[TARGETS[case.task]])


def _problem(case: Case) -> Problem:
    texts = dict.fromkeys(Card.__struct_fields__, "benchmark")
    return Problem(
        name="estimators",
        task=case.task,
        metric="log_loss" if case.task is not Task.REGRESSION else "mean_absolute_error",
        contract=Order if case.gaps else Parcel,
        load=lambda _: pd.DataFrame(),
        params=NoParams,
        build=lambda *_: case.build(),
        card=Card(**texts),
    )
