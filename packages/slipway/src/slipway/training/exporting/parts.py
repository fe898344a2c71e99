"""Find the part of an estimator that cannot be converted, or whose export computes something else.

Each part is converted alone and given what the estimator itself would give it, so that the one is found that is wrong,
and not one that passes on what is wrong.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.training.exporting.convert import convert_estimator

# Of a transformer's numbers, relative to their size: float32 has 6e-8, and a sum of some of them a little more.
_ROUNDING = 1e-4
# What ONNX Runtime and sums in another order leave of a score.
_NOISE = 1e-5


class Part(NamedTuple):
    """A step, and the rows that it is given: None where nobody asked for them."""

    model: Any
    rows: Any


class Culprit(NamedTuple):
    """The part that differs; `rounding` tells a last digit from another result."""

    model: Any
    rounding: bool


def find_unconvertible(estimator: Any) -> Any:
    """Return the first part whose conversion fails alone or has another number of columns, else the whole."""
    for part in iterate_parts(estimator, None):
        try:
            width = _run(part.model, np.zeros((1, part.model.n_features_in_), np.float32)).shape[-1]
            if hasattr(part.model, "transform") and width != len(part.model.get_feature_names_out()):
                return part.model
        except Exception:  # noqa: BLE001 - whatever it is, this part raises it
            return part.model
    return estimator


def find_culprit(estimator: Any, rows: Any) -> Culprit:
    """Return the first part that computes `rows` otherwise when it is exported, else the whole.

    A part whose result differs comes before one whose last digit differs.
    """
    rounding: Any = None
    for part in iterate_parts(estimator, rows):
        try:
            off = _difference(part)
        except Exception:  # noqa: BLE001 - an export that does not run is wrong
            return Culprit(part.model, rounding=False)
        if off > (_ROUNDING if hasattr(part.model, "transform") else _NOISE):
            return Culprit(part.model, rounding=False)
        if off > 0 and rounding is None and hasattr(part.model, "transform"):
            rounding = part.model
    return Culprit(estimator, False) if rounding is None else Culprit(rounding, rounding=True)


def iterate_parts(estimator: Any, rows: Any) -> Iterator[Part]:
    """Yield the steps inside, in the order of the data, an ensemble after those it is made of."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline

    if isinstance(estimator, Pipeline):
        yield from _iterate_steps(estimator, rows)
    elif isinstance(estimator, ColumnTransformer):
        for _, step, columns in estimator.transformers_:
            if not isinstance(step, str):
                yield from iterate_parts(step, None if rows is None else _select(rows, columns))
    elif isinstance(estimator, FeatureUnion):
        for _, step in estimator.transformer_list:
            if not isinstance(step, str):
                yield from iterate_parts(step, rows)
    elif hasattr(estimator, "best_estimator_"):
        yield from iterate_parts(estimator.best_estimator_, rows)
    else:
        for inner in _inner(estimator):
            yield from iterate_parts(inner, rows)
        yield Part(estimator, rows)


def _iterate_steps(pipeline: Any, rows: Any) -> Iterator[Part]:
    for _, step in pipeline.steps:
        if step is None or isinstance(step, str):
            continue
        yield from iterate_parts(step, rows)
        if rows is not None and hasattr(step, "transform"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows = step.transform(rows)


def _inner(estimator: Any) -> list[Any]:
    """Return the different kinds of estimators in an ensemble that were fitted on the columns that it is given."""
    if hasattr(estimator, "calibrated_classifiers_"):
        return [estimator.calibrated_classifiers_[0].estimator]
    if hasattr(estimator, "named_estimators_"):
        return [found for found in estimator.named_estimators_.values() if not isinstance(found, str)]
    return []


def _difference(part: Part) -> float:
    model, rows = part
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in ("predict_proba", "transform", "predict"):
            if hasattr(model, method):
                expected = getattr(model, method)(rows)
                break
    found = _run(model, _plain(rows)).astype(np.float64)
    expected = _plain(expected).astype(np.float64)
    scale = np.maximum(1 if method == "predict_proba" else np.nanstd(expected), np.abs(expected))
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(found.reshape(expected.shape) - expected) / scale
    return float(np.where(np.isnan(found.reshape(expected.shape)) & np.isnan(expected), 0, np.nan_to_num(off)).max())


def _run(model: Any, rows: NDArray[np.float32]) -> NDArray[Any]:
    import onnxruntime

    names = [str(name) for name in getattr(model, "feature_names_in_", [f"c{n}" for n in range(rows.shape[1])])]
    graph = convert_estimator(model, names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    content = graph.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    found: NDArray[Any] = session.run([session.get_outputs()[-1].name], {given.name: rows})[0]
    return found


def _select(rows: Any, columns: Any) -> Any:
    from sklearn.utils import _safe_indexing

    return _safe_indexing(rows, columns, axis=1)


def _plain(rows: Any) -> NDArray[np.float32]:
    """Return the float32 matrix that the graph is given, from a frame, a matrix, a sparse one or a vector."""
    dense = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return np.asarray(dense.reshape(len(dense), -1), dtype=np.float32)
