"""The reference for drift: the distributions of inputs and scores when the model was trained."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, count_rows
from slipway.contract import Field, Kind

BINS = 10
# Rarer categories are counted together: their shares are too small to watch one by one.
CATEGORIES = 50


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distributions of the inputs but timestamps, and of the scores, one for each class of a multiclass task."""

    rows: int
    inputs: dict[str, "Distribution"]
    scores: tuple["Distribution", ...]


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shares of the bins between n + 1 edges, or of n categories; with `missing` and `other` they sum to 1."""

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...]
    missing: float = 0.0
    other: float = 0.0


def make_profile(fields: Sequence[Field], columns: Columns) -> Profile:
    """Describe the contract's columns; `describe_scores` gives what the profile lacks yet."""
    watched = [field for field in fields if field.kind is not Kind.TIMESTAMP]
    return Profile(
        rows=count_rows(columns),
        inputs={field.name: _describe(field, columns[field.name]) for field in watched},
        scores=(),
    )


def describe_scores(scores: NDArray[np.float64]) -> tuple["Distribution", ...]:
    """Describe the scores by one distribution, or one per class of a multiclass task."""
    return tuple(_bins(column) for column in scores.reshape(len(scores), -1).T)


def _describe(field: Field, values: NDArray[Any]) -> Distribution:
    if field.kind is Kind.CATEGORY:
        return _shares([None if value is None else str(value) for value in values.tolist()])
    if field.kind is Kind.BOOLEAN:
        return _shares([None if value != value else str(bool(value)).lower() for value in values.tolist()])
    return _bins(values)


def _shares(values: list[str | None]) -> Distribution:
    counts = Counter(values)
    missing = counts.pop(None, 0)
    common = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:CATEGORIES]
    kept = sum(number for _, number in common)
    return Distribution(
        categories=tuple(str(name) for name, _ in common),
        shares=tuple(_round(number / len(values)) for _, number in common),
        missing=_round(missing / len(values)),
        other=_round((len(values) - missing - kept) / len(values)),
    )


def _bins(values: NDArray[np.float64]) -> Distribution:
    """Return bins of about equal share between the distinct deciles; in a comparison the outer bins are open."""
    known = values[~np.isnan(values)]
    missing = _round(1 - len(known) / len(values))
    if not len(known):
        return Distribution(shares=(), missing=missing)
    edges = np.unique(np.array([_round(edge) for edge in np.quantile(known, np.linspace(0, 1, BINS + 1))]))
    inner = np.searchsorted(edges[1:-1], known, side="right")
    counts = np.bincount(inner, minlength=max(1, len(edges) - 1))
    return Distribution(
        edges=tuple(edges.tolist()), shares=tuple(_round(number / len(values)) for number in counts), missing=missing
    )


def _round(value: float) -> float:
    return float(f"{value:.6g}")
