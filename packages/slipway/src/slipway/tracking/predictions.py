"""A bundle's answer as named columns; this file travels with a registered model."""

from typing import Any

from numpy.typing import NDArray

from slipway.bundle import Bundle
from slipway.columns import Columns
from slipway.problem import Task


def predict_columns(bundle: Bundle, columns: Columns) -> dict[str, NDArray[Any]]:
    """Score and label rows.

    Binary: `score` (probability of the last class) and `label`. Multiclass: `score_<class>` for each class,
    and `label`. Regression: `score`, the value. Every column has one entry per row.
    """
    scores = bundle.score(columns)
    if bundle.manifest.task is Task.REGRESSION:
        return {"score": scores}
    if bundle.manifest.task is Task.BINARY:
        return {"score": scores, "label": bundle.label(scores)}
    each = {f"score_{name}": scores[:, position] for position, name in enumerate(bundle.manifest.classes)}
    return {**each, "label": bundle.label(scores)}
