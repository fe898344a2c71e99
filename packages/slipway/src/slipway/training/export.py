"""Export a fitted scikit-learn estimator to ONNX, the same bytes in every process, and certify its parity.

Parity: the exported model scores as the estimator does, and a row alone as among others.
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import TOLERANCE, Certificate
from slipway.bundle.scorer import Scorer
from slipway.bundle.verify import score_difference
from slipway.errors import ModelError, first_line
from slipway.problem import Task
from slipway.training.fit import Fitted

if TYPE_CHECKING:
    from onnx import ModelProto

_TENSOR = "features"
_FLOORS = (1, 2, 4, 8, 16)
# Rows scored alone to find the floor: spread over the set, enough to detect a kernel for few rows.
_ALONE = 256


def export_onnx(fitted: Fitted) -> bytes:
    """Convert to ONNX: one float32 tensor of all inputs in, one tensor of scores out.

    Raises `ModelError` that names the part which cannot be converted.
    """
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    try:
        model = _convert(fitted)
    except (
        MissingConverter,
        MissingShapeCalculator,
        NotImplementedError,
        RuntimeError,
        ValueError,
        TypeError,
    ) as error:
        raise ModelError(
            f"Cannot export {_culprit(fitted.estimator, str(error))} to ONNX: {first_line(error)} Use an estimator "
            "that skl2onnx supports (linear models, trees, forests, HistGradientBoosting without "
            "categorical_features and others that its documentation lists), and write transformations of your own in "
            "features.py."
        ) from error
    _make_reproducible(model)
    return bytes(model.SerializeToString(deterministic=True))


def certify_parity(scores: NDArray[np.float64], expected: NDArray[np.float64], threshold: float | None) -> Certificate:
    """Compare the exported model's scores with the estimator's; raises `ModelError` if they differ.

    `threshold` is that of a binary task, None for the others.
    """
    off = score_difference(scores, expected)
    certificate = Certificate(
        rows=len(expected),
        # Two digits say how close it is; more would tie the digest to the last bit of a processor's arithmetic.
        largest_difference=float(f"{off.max(initial=0.0):.1e}"),
        label_flips=_label_flips(scores, expected, threshold),
    )
    if off.max(initial=0.0) > TOLERANCE or not certificate.passed:
        raise ModelError(
            f"The exported model differs from the estimator over {certificate.rows} rows: expected scores within "
            f"{TOLERANCE:g} and no changed label, found a difference of {off.max(initial=0.0):.2g} and "
            f"{certificate.label_flips} changed labels. Usually a feature is too large for float32 (scale it in "
            "features.py), or ONNX has another version of an operator (try another estimator)."
        )
    return certificate


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


def _convert(fitted: Fitted) -> "ModelProto":
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    names = [given.name for given in fitted.inputs]
    by_name = _selects_by_name(fitted.estimator)
    types = [(name, FloatTensorType([None, 1])) for name in names]
    if not by_name:
        types = [(_TENSOR, FloatTensorType([None, len(names)]))]
    options = {id(fitted.estimator): {"zipmap": False}} if hasattr(fitted.estimator, "predict_proba") else None
    model = convert_sklearn(fitted.estimator, "model", initial_types=types, options=options)
    if by_name:
        _split_tensor(model, names)
    _keep_scores(model)
    return model


def _selects_by_name(estimator: Any) -> bool:
    """Return whether a part of the estimator selects columns by name: the converter then wants one input for each."""
    from sklearn.compose import ColumnTransformer

    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(part, ColumnTransformer) for part in parts)


def _split_tensor(model: "ModelProto", names: list[str]) -> None:
    """Replace one graph input per column by one tensor: building 17 arrays per request costs more than the model."""
    from onnx import TensorProto, helper

    opset = max(entry.version for entry in model.opset_import if entry.domain == "")
    outputs = {"num_outputs": len(names)} if opset >= 18 else {}
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info(_TENSOR, TensorProto.FLOAT, [None, len(names)]))
    model.graph.node.insert(0, helper.make_node("Split", [_TENSOR], names, axis=1, **outputs))


def _keep_scores(model: "ModelProto") -> None:
    """Drop the label output of a classifier: labels are computed from the scores and the manifest."""
    scores = model.graph.output[-1]
    del model.graph.output[:]
    model.graph.output.append(scores)


def _make_reproducible(model: "ModelProto") -> None:
    """Remove what differs between processes or versions for the same model."""
    opsets = sorted((entry.domain, entry.version) for entry in model.opset_import)
    del model.opset_import[:]
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    model.graph.name = "model"
    for field in ("producer_name", "producer_version", "domain", "doc_string"):
        model.ClearField(field)
    model.graph.ClearField("doc_string")


def _culprit(estimator: Any, message: str) -> str:
    named = re.search(r"<class '(?:[\w.]+\.)?(\w+)'>", message)
    return named[1] if named else type(estimator).__name__


def _label_flips(scores: NDArray[np.float64], expected: NDArray[np.float64], threshold: float | None) -> int:
    if threshold is not None:
        flipped = (scores >= threshold) != (expected >= threshold)
        margin = np.abs(expected - threshold)
    elif expected.ndim == 2:
        flipped = scores.argmax(axis=1) != expected.argmax(axis=1)
        first, second = -np.sort(-expected, axis=1)[:, :2].T
        margin = first - second
    else:
        return 0
    return int((flipped & (margin > TOLERANCE)).sum())
