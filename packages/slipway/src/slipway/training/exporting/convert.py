"""Convert one fitted estimator or transformer to a graph with one float32 tensor in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slipway.training.exporting.boosters import contains_boosters, register_boosters
from slipway.training.exporting.rewrite import rewrite_columns, rewrite_for_export
from slipway.training.thresholds import walk_parts

if TYPE_CHECKING:
    from onnx import ModelProto

_OPSET = 21
_TENSOR = "features"
# Their link: skl2onnx exports what the trees add up to.
_LOG_LINK = ("poisson", "gamma")


def convert_estimator(estimator: Any, names: Sequence[str]) -> "ModelProto":
    """Convert a fitted estimator; `names` are the columns of the tensor. The estimator itself stays as it is.

    Raises whatever a converter raises: they have no common type.
    """
    register_boosters()
    rewritten = rewrite_for_export(estimator)
    return _convert_by_name(rewritten, names) or _convert(rewrite_columns(rewritten), [(_TENSOR, len(names))])


def _convert_by_name(estimator: Any, names: Sequence[str]) -> "ModelProto | None":
    """Convert an estimator that selects columns by name; None if skl2onnx cannot, or a column has a name of its own.

    Ensembles take one input only, and `label`, `probabilities` and `features` stand for something else in the graph.
    """
    if not _selects_by_name(estimator):
        return None
    try:
        model = _convert(estimator, [(name, 1) for name in names])
    except Exception:  # noqa: BLE001 - the conversion by position may do, and what it raises is reported
        return None
    _split_tensor(model, names)
    defined = [_TENSOR, *(name for node in model.graph.node for name in node.output)]
    return model if len(defined) == len({*defined}) else None


def _convert(estimator: Any, inputs: Sequence[tuple[str, int]]) -> "ModelProto":
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    types = [(name, FloatTensorType([None, width])) for name, width in inputs]
    options = _raw_scores(estimator)
    if hasattr(estimator, "predict_proba"):
        options[id(estimator)] = {"zipmap": False}
    # The converters of XGBoost and LightGBM write the trees of this version.
    opset = {"": _OPSET, "ai.onnx.ml": 3} if contains_boosters(estimator) else None
    model = convert_sklearn(estimator, "model", initial_types=types, options=options, target_opset=opset)
    _append_link(model, estimator)
    return model


def _raw_scores(estimator: Any) -> dict[int, dict[str, bool]]:
    """Ask for raw scores of classifiers that are calibrated inside of a pipeline or a search: skl2onnx forgets them."""
    options = {}
    for part in walk_parts(estimator):
        for calibrated in getattr(part, "calibrated_classifiers_", ()):
            last = _last_step(calibrated.estimator)
            if last is not calibrated.estimator and hasattr(last, "decision_function"):
                options[id(last)] = {"raw_scores": True}
    return options


def _selects_by_name(estimator: Any) -> bool:
    """Return whether a part of the estimator selects columns by name: the converter then wants one input for each."""
    from sklearn.compose import ColumnTransformer

    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(part, ColumnTransformer) for part in parts)


def _split_tensor(model: "ModelProto", names: Sequence[str]) -> None:
    """Replace one graph input per column by one tensor: building 17 arrays per request costs more than the model."""
    from onnx import TensorProto, helper

    opset = max(entry.version for entry in model.opset_import if entry.domain == "")
    outputs = {"num_outputs": len(names)} if opset >= 18 else {}
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info(_TENSOR, TensorProto.FLOAT, [None, len(names)]))
    model.graph.node.insert(0, helper.make_node("Split", [_TENSOR], list(names), axis=1, **outputs))


def _append_link(model: "ModelProto", estimator: Any) -> None:
    """Append the exponential of a regression by HistGradientBoosting whose trees add up to a logarithm."""
    from onnx import helper

    estimator = _last_step(estimator)
    if type(estimator).__name__ != "HistGradientBoostingRegressor" or estimator.loss not in _LOG_LINK:
        return
    (output,) = model.graph.output
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = "logarithm"
    model.graph.node.append(helper.make_node("Exp", ["logarithm"], [output.name]))


def _last_step(estimator: Any) -> Any:
    """Return the estimator at the end of pipelines and searches."""
    while hasattr(estimator, "steps") or hasattr(estimator, "best_estimator_"):
        estimator = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator.best_estimator_
    return estimator
