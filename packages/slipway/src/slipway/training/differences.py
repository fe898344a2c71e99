"""Explain why an exported model differs from its estimator: what its rows have in common, and which step causes it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.inputs import MISSING, UNSEEN
from slipway.training.fit import Fitted
from slipway.training.thresholds import contains_histogram_trees, contains_plain_trees

# Float32 holds whole numbers up to here; above it neighbouring ones fall together.
_LARGE = 2.0**24
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
    plain = contains_plain_trees(fitted.estimator)
    step = _step(fitted.estimator, plain or contains_histogram_trees(fitted.estimator))
    causes = {"a missing value": _NAN_ROUTING if plain else step, "a large number": _LARGE_NUMBER}
    for words, having in _traits(fitted, tensor).items():
        if having[wrong].all() and not having.all():
            return f"All of them have {words}. {causes.get(words, step)}"
    return step


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


def _step(estimator: Any, trees: bool) -> str:
    """Name the step whose numbers are not the same in float32, and what to write instead."""
    computing = next(_computing_steps(estimator), None)
    if computing and trees:
        return (
            f"{computing} computes numbers whose last digit of float32 differs in ONNX, and the trees behind it send "
            f"such a row to another branch. Trees need no scaling: remove {computing} from model.py, or compute its "
            "numbers in features.py."
        )
    if computing:
        return (
            f"{computing} computes in float64, its export in float32. Compute its numbers in features.py, or choose "
            "another step in model.py."
        )
    name = type(estimator).__name__
    return f"skl2onnx or ONNX Runtime computes {name} otherwise. Choose another estimator in model.py."


def _computing_steps(estimator: Any) -> Iterator[str]:
    """Yield the names of steps that compute new numbers: neither select, nor encode, nor impute."""
    from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer

    parts = [estimator, *estimator.get_params(deep=True).values()] if hasattr(estimator, "get_params") else []
    for part in parts:
        structure = isinstance(part, ClassifierMixin | RegressorMixin | ColumnTransformer | FeatureUnion | Pipeline)
        plain = isinstance(part, FunctionTransformer) or "Encoder" in type(part).__name__
        plain = plain or "Imputer" in type(part).__name__ or type(part).__name__ == "MissingIndicator"
        if isinstance(part, TransformerMixin) and not structure and not plain:
            yield type(part).__name__
