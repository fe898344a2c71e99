"""XGBoost and LightGBM: register their converters, and round LightGBM's thresholds."""

import re
import sys
from typing import Any

import numpy as np

from slipway.errors import ModelError
from slipway.training.thresholds import contains_histogram_trees, contains_plain_trees, round_down, walk_parts

_PACKAGES = ("xgboost", "lightgbm")
_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_THRESHOLDS = re.compile(r"^threshold=(.+)$", re.MULTILINE)


def is_booster(part: Any) -> bool:
    """Tell whether an object is a fitted estimator of XGBoost or LightGBM."""
    return type(part).__module__.split(".")[0] in _PACKAGES and getattr(part, "_Booster", None) is not None


def contains_trees(estimator: Any) -> bool:
    """Tell whether trees are inside, of scikit-learn, XGBoost or LightGBM."""
    return contains_plain_trees(estimator) or contains_histogram_trees(estimator) or contains_boosters(estimator)


def contains_boosters(estimator: Any) -> bool:
    """Tell whether a fitted estimator of XGBoost or LightGBM is inside."""
    return any(map(is_booster, walk_parts(estimator)))


def rewrite_booster(part: Any) -> None:
    """Rewrite a copy of a fitted booster as its converter wants it.

    XGBoost: columns by position. LightGBM: thresholds rounded down to float32, as for histogram trees.
    """
    if type(part).__module__.startswith("xgboost"):
        part.get_booster().feature_names = None
        return
    from lightgbm import Booster

    text = _THRESHOLDS.sub(_round_line, part.booster_.model_to_string())
    # The lengths of the trees' texts are no longer those; without them LightGBM reads one tree after the other.
    part._Booster = Booster(model_str=_SIZES.sub("", text))


def _round_line(line: re.Match[str]) -> str:
    rounded = round_down(np.array([float(number) for number in line[1].split()]))
    return "threshold=" + " ".join(repr(float(number)) for number in rounded)


def register_boosters() -> None:
    """Register the converters of XGBoost and LightGBM where this process has imported them."""
    for package in _PACKAGES:
        # Only what model.py imported can be inside; an import here would cost seconds.
        if package in sys.modules:
            _register(package)


def _register(package: str) -> None:
    try:
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    except ModuleNotFoundError as error:
        raise ModelError(
            f"Cannot export a model of {package}: {error.name} is not installed. In pyproject.toml replace "
            '"slipway[pipeline]" by "slipway[boost]" in the group pipeline, then run `uv lock` and `uv sync`.'
        ) from error
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    prefix, convert = {"xgboost": ("XGB", convert_xgboost), "lightgbm": ("LGBM", convert_lightgbm)}[package]
    module = sys.modules[package]
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind, shapes, given in (
        ("Classifier", calculate_linear_classifier_output_shapes, options),
        ("Regressor", calculate_linear_regressor_output_shapes, None),
    ):
        for name in (f"{prefix}{kind}", f"{prefix}RF{kind}"):
            if hasattr(module, name):
                update_registered_converter(getattr(module, name), name, shapes, convert, options=given)
