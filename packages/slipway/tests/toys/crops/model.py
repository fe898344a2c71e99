"""A linear model behind a column transformer that selects by name."""

from typing import Annotated

import msgspec
from msgspec import Meta
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    strength: Annotated[float, Meta(gt=0)] = 1.0


def build(params, seed):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [
            ("soil", OneHotEncoder(handle_unknown="ignore"), ["soil"]),
            ("numbers", numbers, ["rain", "acidity", "irrigated"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=params.strength, random_state=seed, max_iter=1000))
