"""Refuse what would only fail after a long fit: what features return, and estimators known to be exported wrongly."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Input
from slipway.columns import Columns
from slipway.errors import ModelError, ProblemError
from slipway.problem import Task
from slipway.training.exporting.remedies import describe_remedy


def require_columns(found: Any, given: Columns) -> Columns:
    """Return what features made of `given`, if it is a dict of arrays with a value per row; else raise."""
    rows = len(next(iter(given.values())))
    if not isinstance(found, dict):
        raise ProblemError(
            f"features.py returned a {type(found).__name__}: expected a dict of a numpy array for each feature. The "
            'service has no pandas: write {"ratio": columns["a"] / columns["b"]}, and {**columns, "ratio": ...} to '
            "keep the others."
        )
    for name, values in found.items():
        if not isinstance(values, np.ndarray):
            raise ProblemError(
                f"The feature {name!r}: expected a numpy array, found a {type(values).__name__}. Write "
                f"np.asarray(...), or np.full(rows, value) for one value, in features.py."
            )
        if values.shape != (rows,):
            raise ProblemError(
                f"The feature {name!r}: expected a value for each of {rows:,} rows, found the shape {values.shape}. "
                "features.py may neither drop nor add rows, and each array is one feature."
            )
    return found


def refuse_unfitted(estimator: Any, task: Task, inputs: Sequence[Input], tensor: NDArray[np.float32]) -> None:
    """Raise `ModelError` for an estimator that is known before the fit to end in a refusal, with what to write."""
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting

    # Stacking knows only after the fit whether it has probabilities.
    if not any(hasattr(part, "final_estimator") for part in _parts(estimator)):
        require_scores(estimator, task)
    for part in _parts(estimator):
        if isinstance(part, BaseHistGradientBoosting) and not _from_dtype(part.categorical_features):
            raise ModelError(
                f"{type(part).__name__}(categorical_features=...) is not exported rightly. {describe_remedy(part)}"
            )
    for encoder, columns in _encoders(estimator, [given.name for given in inputs]):
        for given, values in zip(inputs, tensor.T, strict=True):
            if given.name in columns and given.vocabulary is None and (values != np.round(values)).any():
                found = "missing values" if np.isnan(values).any() else "decimals"
                raise ModelError(
                    f"OneHotEncoder on {given.name!r}, a number with {found}, cannot be exported. "
                    f"{describe_remedy(encoder)} A boolean is 0 or 1 already and needs no encoder."
                )


def require_scores(estimator: Any, task: Task) -> None:
    """Raise `ModelError` for a classifier without probabilities."""
    if task is Task.REGRESSION or hasattr(estimator, "predict_proba"):
        return
    hard = getattr(estimator, "voting", "") == "hard"
    remedy = 'Write voting="soft"' if hard else "Wrap it in CalibratedClassifierCV"
    raise ModelError(
        f"{type(estimator).__name__} has no predict_proba, and a score is a probability. {remedy}, or choose another "
        "estimator."
    )


def refuse_own_threshold(estimator: Any) -> None:
    """Raise `ModelError` for an estimator that has a decision threshold of its own: the bundle's would ignore it."""
    threshold = getattr(estimator, "best_threshold_", None)
    if threshold is None and type(estimator).__name__ == "FixedThresholdClassifier":
        threshold = estimator.threshold
    if threshold is None or isinstance(threshold, str):
        return
    raise ModelError(
        f"{type(estimator).__name__} decides at {threshold:.4g}, but labels are decided at train.threshold of "
        f"params.yaml. Write `threshold: {threshold:.4g}` there, and let model.py build the estimator inside of "
        f"{type(estimator).__name__}: its scores are the same."
    )


def _parts(estimator: Any) -> list[Any]:
    return [estimator, *(estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ())]


def _from_dtype(given: Any) -> bool:
    """Tell whether columns are categories by the type of a frame's column: ours are all numbers."""
    return given is None or (isinstance(given, str) and given == "from_dtype")


def _encoders(estimator: Any, names: list[str]) -> Iterator[tuple[Any, set[str]]]:
    """Yield each OneHotEncoder that is given columns as they come, with their names."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        yield from _encoders(estimator.steps[0][1], names)
    elif isinstance(estimator, ColumnTransformer):
        for _, step, columns in estimator.transformers:
            chosen = [columns] if isinstance(columns, str) else columns
            if isinstance(chosen, list) and all(isinstance(column, str) for column in chosen):
                yield from _encoders(step, chosen)
    elif type(estimator).__name__ == "OneHotEncoder":
        yield estimator, set(names)
    elif hasattr(estimator, "estimator"):
        yield from _encoders(estimator.estimator, names)
