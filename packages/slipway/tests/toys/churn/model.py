"""Boosted trees on subscribers."""

from typing import Annotated

import msgspec
from msgspec import Meta
from sklearn.ensemble import HistGradientBoostingClassifier


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trees: Annotated[int, Meta(ge=1, le=1000)] = 30


def build(params, seed):
    return HistGradientBoostingClassifier(max_iter=params.trees, random_state=seed)
