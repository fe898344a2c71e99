"""Which estimator answers: boosted trees, or the linear model that they have to beat."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class GradientBoosting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of `sklearn.ensemble.HistGradientBoostingClassifier`, under its names."""

    max_iter: Annotated[int, Meta(ge=1, le=2_000)]
    learning_rate: Annotated[float, Meta(gt=0, le=1)]
    max_leaf_nodes: Annotated[int, Meta(ge=2, le=255)]
    min_samples_leaf: Annotated[int, Meta(ge=1)]
    max_features: Annotated[float, Meta(gt=0, le=1)]
    l2_regularization: Annotated[float, Meta(ge=0)]


class LogisticRegression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hyperparameters of `sklearn.linear_model.LogisticRegression`, under its names."""

    C: Annotated[float, Meta(gt=0)]
    max_iter: Annotated[int, Meta(ge=1, le=10_000)]


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `model` of params.yaml: which kind, and the hyperparameters of either."""

    kind: Literal["gradient_boosting", "logistic_regression"]
    gradient_boosting: GradientBoosting
    logistic_regression: LogisticRegression


def build(params: Params, seed: int) -> Any:
    """Return an unfitted estimator for float32 columns: text as codes (-1: missing), missing numbers as NaN."""
    given = msgspec.structs.asdict(getattr(params, params.kind))
    return _boosted(given, seed) if params.kind == "gradient_boosting" else _linear(given, seed)


def _boosted(given: dict[str, Any], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Early stopping would validate on rows of the training days, which do not represent other days.
    return HistGradientBoostingClassifier(**given, early_stopping=False, random_state=seed)


def _linear(given: dict[str, Any], seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    # The order of codes is arbitrary, and Sunday is not seven times Monday.
    one_hot = ("one_hot", OneHotEncoder(handle_unknown="ignore"), ["carrier", "origin", "destination", "weekday"])
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(
        ColumnTransformer([one_hot], remainder=numbers), LogisticRegression(**given, random_state=seed)
    )
