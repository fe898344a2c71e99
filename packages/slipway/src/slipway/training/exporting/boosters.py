"""XGBoost, LightGBM and CatBoost: register their converters, and round LightGBM's thresholds."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from slipway.errors import ModelError
from slipway.training.thresholds import contains_histogram_trees, contains_plain_trees, round_down, walk_parts

# The packages, and the extra of slipway that brings each.
BOOSTERS = {"xgboost": "boost", "lightgbm": "boost", "catboost": "catboost"}
# Losses of CatBoost whose prediction is the exponential of what the trees add up to.
_EXPONENTIAL = ("Poisson", "Tweedie", "LogLinQuantile")
_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_THRESHOLDS = re.compile(r"^threshold=(.+)$", re.MULTILINE)
_OBJECTIVE = re.compile(r"^objective=\S+$", re.MULTILINE)
# Objectives of LightGBM that its converter does not know, and known ones that score what the trees add up to alike.
_SAME_SCORES = {"objective=mape": "objective=regression", "objective=fair": "objective=regression"}
_SAME_SCORES["objective=cross_entropy"] = "objective=binary sigmoid:1"


def is_booster(part: Any) -> bool:
    """Tell whether an object is a fitted estimator of XGBoost, LightGBM or CatBoost."""
    package = type(part).__module__.split(".")[0]
    if package == "catboost":
        return hasattr(part, "is_fitted") and bool(part.is_fitted())
    return package in BOOSTERS and getattr(part, "_Booster", None) is not None


def contains_trees(estimator: Any) -> bool:
    """Tell whether trees are inside, of scikit-learn or of a booster."""
    return contains_plain_trees(estimator) or contains_histogram_trees(estimator) or contains_boosters(estimator)


def contains_boosters(estimator: Any) -> bool:
    """Tell whether a fitted estimator of XGBoost, LightGBM or CatBoost is inside."""
    return any(map(is_booster, walk_parts(estimator)))


def rewrite_booster(part: Any) -> None:
    """Rewrite a copy of a fitted booster as its converter wants it.

    XGBoost: columns by position. LightGBM: thresholds rounded down to float32, as for histogram trees, and an objective
    that the converter knows. CatBoost: as it is.
    """
    if type(part).__module__.startswith("xgboost"):
        part.get_booster().feature_names = None
        return
    if type(part).__module__.startswith("catboost"):
        return
    from lightgbm import Booster

    text = _THRESHOLDS.sub(_round_line, part.booster_.model_to_string())
    text = _OBJECTIVE.sub(lambda line: _SAME_SCORES.get(line[0], line[0]), text)
    # The lengths of the trees' texts are no longer those; without them LightGBM reads one tree after the other.
    part._Booster = Booster(model_str=_SIZES.sub("", text))


def _round_line(line: re.Match[str]) -> str:
    rounded = round_down(np.array([float(number) for number in line[1].split()]))
    return "threshold=" + " ".join(repr(float(number)) for number in rounded)


def register_boosters() -> None:
    """Register the converters of the boosters that this process has imported."""
    for package in BOOSTERS:
        # Only what model.py imported can be inside; an import here would cost seconds.
        if package in sys.modules:
            _register(package)


def describe_missing(package: str) -> str:
    """Say how to install a booster."""
    return (
        f'In pyproject.toml replace "slipway[pipeline]" by "slipway[{BOOSTERS[package]}]" in the group pipeline, then '
        "run `uv lock` and `uv sync`."
    )


def _register(package: str) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    prefix, convert = _find_converter(package)
    module = sys.modules[package]
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    # CatBoost's classifier is no ClassifierMixin, by which skl2onnx knows that it has two outputs.
    declare = _declare_outputs if package == "catboost" else None
    for kind, shapes, parser, given in (
        ("Classifier", calculate_linear_classifier_output_shapes, declare, options),
        ("Regressor", calculate_linear_regressor_output_shapes, None, None),
    ):
        for name in (f"{prefix}{kind}", f"{prefix}RF{kind}"):
            if hasattr(module, name):
                update_registered_converter(getattr(module, name), name, shapes, convert, parser=parser, options=given)


def _find_converter(package: str) -> tuple[str, Callable[..., None]]:
    """Return what the names of the package's estimators start with, and their converter."""
    if package == "catboost":
        return "CatBoost", _convert_catboost
    try:
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    except ModuleNotFoundError as error:
        raise ModelError(
            f"Cannot export a model of {package}: {error.name} is not installed. {describe_missing(package)}"
        ) from error
    return ("XGB", convert_xgboost) if package == "xgboost" else ("LGBM", convert_lightgbm)


def _declare_outputs(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:  # noqa: ARG001
    """Declare label and probabilities of a classifier; skl2onnx demands these names of arguments."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

    operator = scope.declare_local_operator(type(model).__name__, model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("probabilities", FloatTensorType()))
    return operator.outputs


def _convert_catboost(scope: Any, operator: Any, container: Any) -> None:
    """Take the node of trees out of the graph that CatBoost writes."""
    from catboost.utils import convert_to_onnx_object
    from onnx.helper import get_attribute_value

    model = operator.raw_operator
    trees = convert_to_onnx_object(model).graph.node[0]
    attributes = {each.name: get_attribute_value(each) for each in trees.attribute}
    outputs = [output.full_name for output in operator.outputs]
    exponential = str(model.get_all_params().get("loss_function", "")).startswith(_EXPONENTIAL)
    sums = [scope.get_unique_variable_name("logarithm")] if exponential else outputs
    name = scope.get_unique_operator_name(trees.op_type)
    given = [operator.inputs[0].full_name]
    container.add_node(trees.op_type, given, sums, name=name, op_domain="ai.onnx.ml", op_version=1, **attributes)
    if exponential:
        container.add_node("Exp", sums, outputs, name=scope.get_unique_operator_name("Exp"), op_version=13)
