"""Certify parity: the exported model scores as the estimator does, and a row alone as among others."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import CERTIFIED_ROWS, TOLERANCE, Certificate
from slipway.bundle.scorer import BLOCK, Scorer
from slipway.bundle.verify import score_difference
from slipway.columns import spread_rows
from slipway.errors import ModelError, first_line, is_shortage
from slipway.problem import Task
from slipway.training.exporting.boosters import contains_trees
from slipway.training.exporting.differences import explain_difference
from slipway.training.exporting.parts import find_culprit
from slipway.training.exporting.remedies import describe_remedy
from slipway.training.fit import Fitted, name_columns, predict_scores
from slipway.training.jumps import mix_rows, rows_around_jumps
from slipway.training.thresholds import compares_columns, rows_around_thresholds

_FLOORS = (1, 2, 4, 8, 16)
# Rows scored alone to find the floor: spread over the set, enough to detect a kernel for few rows.
_ALONE = 256
_WORDS = ("training rows", "rows around thresholds", "rows with extreme values", "rows mixed from training rows")


class CertifiedRows(NamedTuple):
    """Rows of the model's tensor by kind: of the training set, around thresholds, extreme and mixed ones.

    The certificate does not count the mixed ones.
    """

    training: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    extremes: NDArray[np.float32]
    mixed: NDArray[np.float32]


def collect_rows(
    fitted: Fitted, training: NDArray[np.float32], extremes: NDArray[np.float32], scale: float = 1.0
) -> CertifiedRows:
    """Collect what to certify on; `training` is the whole tensor of the training set.

    The thresholds of trees that compare the tensor's own columns are known; of boosters, and behind a step that makes
    other columns, the rows at which the score jumps are searched. A small training set is filled up by mixed rows.
    """
    some = training[spread_rows(len(training), CERTIFIED_ROWS)]
    around = some[:0]
    if compares_columns(fitted.estimator):
        around = rows_around_thresholds(fitted.estimator, some)
    elif contains_trees(fitted.estimator):
        around = rows_around_jumps(partial(predict_scores, fitted), fitted.inputs, some, TOLERANCE * scale)
    return CertifiedRows(some, around, extremes, mix_rows(some, CERTIFIED_ROWS - len(some)))


def certify_parity(
    scorer: Scorer, fitted: Fitted, rows: CertifiedRows, threshold: float | None, scale: float
) -> Certificate:
    """Compare the exported model's scores with the estimator's; raises `ModelError` if they differ.

    `threshold` is that of a binary task, None for the others; differences are relative to `scale` and to scores above.
    """
    tensor = np.concatenate(rows)
    expected, scores = _predict(fitted, tensor), scorer.run(tensor)
    if scores.shape != expected.shape:
        part = find_culprit(fitted.estimator, name_columns(fitted.inputs, tensor[:_ALONE])).model
        raise ModelError(
            f"The export of {type(part).__name__} has another number of scores in a row than the estimator. "
            f"{describe_remedy(part)}"
        )
    off = score_difference(scores, expected, scale)
    flipped = find_flips(scores, expected, threshold)
    counted = np.arange(len(tensor)) < len(tensor) - len(rows.mixed)
    certificate = Certificate(
        rows=int(counted.sum()),
        training=len(rows.training),
        thresholds=len(rows.thresholds),
        extremes=len(rows.extremes),
        # Two digits say how close it is; more would tie the digest to the last bit of a processor's arithmetic.
        largest_difference=float(f"{off[counted].max(initial=0.0):.1e}"),
        label_flips=int(flipped[counted].sum()),
    )
    # Mixed rows are a sample: of a smooth score rows that come later differ somewhat more. That of trees has steps.
    spared = TOLERANCE if contains_trees(fitted.estimator) else TOLERANCE / 2
    wrong = (off > np.where(counted, TOLERANCE, spared)) | flipped
    if wrong.any():
        kinds = np.repeat(list(rows._fields), [len(found) for found in rows])
        counts = ", ".join(
            f"{int((wrong & (kinds == kind)).sum()):,} of {len(found):,} {words}"
            for kind, found, words in zip(rows._fields, rows, _WORDS, strict=True)
            if len(found)
        )
        raise ModelError(
            f"The exported model differs from the estimator in {counts}: expected scores within {TOLERANCE:g} (mixed "
            f"rows: {spared:g}) and no "
            f"changed label, found a difference of {off.max():.2g} and {int(flipped.sum()):,} changed labels. "
            f"{explain_difference(fitted, tensor, wrong)}"
        )
    return certificate


@contextmanager
def name_runtime_errors(fitted: Fitted, tensor: NDArray[np.float32]) -> Iterator[None]:
    """Raise `ModelError` that names the step where ONNX Runtime refuses the exported model."""
    try:
        yield
    except Exception as error:  # ONNX Runtime has no common type for what it refuses
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        if is_shortage(error):
            raise MemoryError(str(error)) from error
        part = find_culprit(fitted.estimator, name_columns(fitted.inputs, tensor[:_ALONE])).model
        raise ModelError(
            f"ONNX Runtime cannot run the export of {type(part).__name__}: {first_line(error)} {describe_remedy(part)}"
        ) from error


def _predict(fitted: Fitted, tensor: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score in blocks: a kernel over all rows at once takes gigabytes."""
    return np.concatenate([predict_scores(fitted, tensor[at : at + BLOCK]) for at in range(0, len(tensor), BLOCK)])


def find_batch_floor(model: bytes, task: Task, tensor: NDArray[np.float32]) -> int:
    """Find the fewest rows to run at once so that a row scores exactly the same alone as among others."""
    sample = tensor[:: max(1, len(tensor) // _ALONE)][:_ALONE]
    among = Scorer(model, task).run(sample)
    for floor in _FLOORS:
        scorer = Scorer(model, task, floor)
        if all(np.array_equal(scorer.run(sample[row : row + 1])[0], among[row]) for row in range(len(sample))):
            return floor
    raise ModelError(
        f"The exported model scores a row alone, even repeated {_FLOORS[-1]} times, other than among other rows, so a "
        "prediction would depend on its batch. Choose another estimator."
    )


def find_flips(
    scores: NDArray[np.float64], expected: NDArray[np.float64], threshold: float | None
) -> NDArray[np.bool_]:
    """Find the rows whose label changed although their score is further than the tolerance from where labels change."""
    if threshold is not None:
        flipped = (scores >= threshold) != (expected >= threshold)
        margin = np.abs(expected - threshold)
    elif expected.ndim == 2:
        flipped = scores.argmax(axis=1) != expected.argmax(axis=1)
        first, second = -np.sort(-expected, axis=1)[:, :2].T
        margin = first - second
    else:
        return np.zeros(len(scores), dtype=bool)
    return flipped & (margin > TOLERANCE)
