"""Rewrite a copy of an estimator so that skl2onnx converts it, with the same scores."""

from copy import deepcopy
from typing import Any

import numpy as np

from slipway.training.exporting.boosters import is_booster, rewrite_booster
from slipway.training.thresholds import round_thresholds, walk_parts


def rewrite_for_export(estimator: Any) -> Any:
    """Return a copy that scores float32 rows as the original does, in words that the converters know."""
    from sklearn.ensemble import VotingClassifier, VotingRegressor
    from sklearn.model_selection import GridSearchCV
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    copy = round_thresholds(estimator)
    for part in walk_parts(copy):
        if isinstance(part, BaseSearchCV) and not isinstance(part, GridSearchCV):
            # Every search answers with the best estimator that it found; skl2onnx knows one kind of search.
            part.__class__, part.param_grid = GridSearchCV, {}
        elif isinstance(part, VotingClassifier | VotingRegressor):
            if part.weights is not None:
                part.weights = np.array(part._weights_not_none, dtype=float)
            if isinstance(part, VotingClassifier):
                part.flatten_transform = False  # of `transform` alone
        elif isinstance(part, KBinsDiscretizer | OneHotEncoder):
            _rewrite_encoder(part)
        elif isinstance(part, Pipeline):
            part.steps = [step for step in part.steps if step[1] not in (None, "passthrough")]
        elif is_booster(part):
            rewrite_booster(part)
    return copy


def _rewrite_encoder(part: Any) -> None:
    """Write dense columns of bins, and the one word that skl2onnx knows for unseen texts."""
    if getattr(part, "encode", "") == "onehot":
        part.encode = "onehot-dense"
    rare = getattr(part, "infrequent_categories_", ())
    if getattr(part, "handle_unknown", "error") != "error" and all(texts is None for texts in rare):
        part.handle_unknown = "ignore"


def rewrite_columns(estimator: Any) -> Any:
    """Return a copy whose ColumnTransformers select columns by position: the graph then takes one tensor."""
    from sklearn.compose import ColumnTransformer

    copy = deepcopy(estimator)
    for part in walk_parts(copy):
        if isinstance(part, ColumnTransformer) and hasattr(part, "feature_names_in_"):
            names = list(part.feature_names_in_)
            part.transformers_ = [
                (name, model, _positions(columns, names)) for name, model, columns in part.transformers_
            ]
    return copy


def _positions(columns: Any, names: list[str]) -> list[int]:
    if isinstance(columns, slice):
        start, stop = (names.index(edge) if isinstance(edge, str) else edge for edge in (columns.start, columns.stop))
        # A slice of names has its end in it, one of positions has not.
        stop = stop + 1 if isinstance(columns.stop, str) and stop is not None else stop
        return [*range(len(names))][start : stop : columns.step]
    chosen = np.atleast_1d(np.asarray(columns))
    if chosen.dtype == bool:
        return [int(place) for place in np.flatnonzero(chosen)]
    return [names.index(place) if isinstance(place, str) else int(place) % len(names) for place in chosen.tolist()]
