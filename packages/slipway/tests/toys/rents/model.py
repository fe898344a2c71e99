"""Boosted trees on flats."""

import msgspec
from sklearn.ensemble import HistGradientBoostingRegressor


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trees: int = 40


def build(params, seed):
    return HistGradientBoostingRegressor(max_iter=params.trees, random_state=seed)
