"""Explain why an exported model differs from its estimator: what its rows have in common, and which step causes it."""

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import MISSING, UNSEEN
from slipway.training.exporting.boosters import contains_trees
from slipway.training.exporting.parts import Culprit, find_culprit
from slipway.training.exporting.remedies import describe_remedy
from slipway.training.fit import Fitted, name_columns
from slipway.training.thresholds import contains_plain_trees

# Float32 holds whole numbers up to here; above it neighbouring ones fall together.
_LARGE = 2.0**24
# Enough to see which step differs.
_ROWS = 2000
_NAN_ROUTING = (
    "skl2onnx exports wrongly how forests and plain trees treat missing values. Impute them in front of it in model.py "
    "(SimpleImputer), or use HistGradientBoosting."
)
_LARGE_NUMBER = (
    "A number above 16,777,216 is not exact in float32. Divide it in features.py, or subtract what its values have in "
    "common."
)


def explain_difference(fitted: Fitted, tensor: NDArray[np.float32], wrong: NDArray[np.bool_]) -> str:
    """Say what the `wrong` rows of `tensor` have in common, the step that causes it, and the remedy."""
    found = find_culprit(fitted.estimator, name_columns(fitted.inputs, tensor[wrong][:_ROWS]))
    step = _name_step(found, contains_trees(fitted.estimator))
    causes = {"a large number": _LARGE_NUMBER}
    if contains_plain_trees(found.model):
        causes["a missing value"] = _NAN_ROUTING
    for words, having in _traits(fitted, tensor).items():
        if having[wrong].all() and not having.all():
            return f"All of them have {words}. {causes.get(words, step)}"
    return step


def _name_step(found: Culprit, trees: bool) -> str:
    name = type(found.model).__name__
    if found.rounding and trees:
        return (
            f"{name} computes numbers whose last digit of float32 differs in ONNX, and the trees behind it send "
            f"such a row to another branch. Trees need no scaling: remove {name} from model.py, or compute its "
            "numbers in features.py."
        )
    if found.rounding:
        return (
            f"{name} computes numbers whose last digit of float32 differs in ONNX, and the steps behind it make more "
            "of it. Compute its numbers in features.py, or choose another step in model.py."
        )
    return f"skl2onnx or ONNX Runtime computes {name} otherwise. {describe_remedy(found.model)}"


def _traits(fitted: Fitted, tensor: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    codes = np.array([given.vocabulary is not None for given in fitted.inputs])
    missing = np.isnan(tensor) | (codes & (tensor == MISSING))
    with np.errstate(invalid="ignore"):
        large = np.abs(tensor) > _LARGE
    return {
        "a missing value": missing.any(axis=1),
        "text that the training set does not have": (codes & (tensor == UNSEEN)).any(axis=1),
        "a large number": large.any(axis=1),
    }
