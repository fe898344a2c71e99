"""Export a fitted scikit-learn estimator to ONNX, the same bytes in every process."""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.errors import ModelError, first_line
from slipway.training.fit import Fitted
from slipway.training.thresholds import round_thresholds

if TYPE_CHECKING:
    from onnx import ModelProto

_TENSOR = "features"


def export_onnx(fitted: Fitted) -> bytes:
    """Convert to ONNX: one float32 tensor of all inputs in, one tensor of scores out.

    The estimator itself stays as it is; thresholds of trees are rounded in a copy. Raises `ModelError` that names the
    part which cannot be converted.
    """
    rounded = msgspec.structs.replace(fitted, estimator=round_thresholds(fitted.estimator))
    try:
        model = _convert(rounded)
    except Exception as error:  # converters have no common type for what they refuse
        raise ModelError(
            f"Cannot export {_culprit(fitted.estimator, str(error))} to ONNX: {first_line(error)} Use an estimator "
            "that skl2onnx supports (linear models, trees, forests, HistGradientBoosting without "
            "categorical_features and others that its documentation lists), and write transformations of your own in "
            "features.py."
        ) from error
    _make_reproducible(model)
    return bytes(model.SerializeToString(deterministic=True))


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
