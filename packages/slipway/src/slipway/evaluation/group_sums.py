"""Sums over the rows of each group: of an evaluation record's outcomes, scores, losses and columns."""

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import frame_to_columns
from slipway.contract import Field, Kind
from slipway.data.group_names import Naming, name_groups, name_periods
from slipway.evaluation.scored import Scored
from slipway.evaluation.sums import row_losses
from slipway.params import SplitParams
from slipway.problem import Task

if TYPE_CHECKING:
    import pandas as pd

# Sums over fewer rows would reveal single values.
FEWEST_ROWS = 5


class ColumnSums(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of one column in each group: how many are missing, their sum, and their sum times the outcome.

    Numbers as they are, true as 1, timestamps as seconds since 1970, text as a number between 0 and 1 that its hash
    gives, so that sums are those of the same texts in any order. The outcome is the target of a regression, else the
    position of the class: values that moved between rows change that sum alone. None for groups of few rows.
    """

    missing: tuple[int | None, ...]
    sums: tuple[float | None, ...]
    products: tuple[float | None, ...]


def sum_groups(
    fields: tuple[Field, ...],
    scored: Scored,
    holdout: "pd.DataFrame",
    loss: str,
    named: tuple[tuple[str, ...], NDArray[np.intp]],
) -> dict[str, Any]:
    """Return the sums of a record over its groups, whose names and position for each row `named` holds."""
    groups, position = named
    rows = np.bincount(position, minlength=len(groups))
    columns = frame_to_columns(fields, holdout)
    sums = {
        field.name: _sum_column(_as_numbers(field, columns[field.name]), scored, position, rows) for field in fields
    }
    return {
        "groups": groups,
        "rows": tuple(rows.tolist()),
        "outcomes": tuple(_sum(part, position, len(groups)) for part in _parts(scored, scored.target)),
        "scores": tuple(_sum(part, position, len(groups)) for part in _score_parts(scored)),
        "losses": _sum(row_losses(scored)[loss], position, len(groups)),
        "columns": sums,
    }


def locate_groups(
    holdout: "pd.DataFrame", naming: Naming, blocks: int, split: SplitParams
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the names, sorted, and the position of each row's group or period among them."""
    import pandas as pd

    groups = name_periods(holdout, naming, split) if naming.is_period else holdout["group"]
    codes, found = pd.factorize(groups, sort=True)
    named = found.tolist() if naming.is_period else name_groups(found.tolist(), naming, split.salt, blocks)
    names, position = np.unique(np.array(named, dtype=str), return_inverse=True)
    return tuple(names.tolist()), position[codes]


def _as_numbers(field: Field, values: NDArray[Any]) -> NDArray[np.float64]:
    """Turn the values of a column into numbers, NaN where one is missing."""
    if field.kind is Kind.TIMESTAMP:
        seconds = values.astype("datetime64[us]").view(np.int64) / 1e6
        return np.where(np.isnat(values), np.nan, seconds)
    if field.kind is not Kind.CATEGORY:
        return values
    numbers = {text: _hash_text(text) for text in set(values.tolist()) - {None}}
    return np.array([numbers.get(text, np.nan) for text in values.tolist()], dtype=np.float64)


def _hash_text(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _sum_column(
    values: NDArray[np.float64], scored: Scored, position: NDArray[np.intp], rows: NDArray[np.intp]
) -> ColumnSums:
    missing = np.isnan(values)
    known = np.where(missing, 0.0, values)
    gone = np.bincount(position, weights=missing, minlength=len(rows)).astype(int).tolist()
    few = (rows < FEWEST_ROWS).tolist()
    parts = (gone, _sum(known, position, len(rows)), _sum(known * scored.target, position, len(rows)))
    kept = (tuple(None if hide else value for hide, value in zip(few, part, strict=True)) for part in parts)
    return ColumnSums(*kept)


def _parts(scored: Scored, target: NDArray[Any]) -> list[NDArray[np.float64]]:
    if scored.task is Task.MULTICLASS:
        return [(target == code).astype(np.float64) for code in range(len(scored.classes))]
    return [target.astype(np.float64)]


def _score_parts(scored: Scored) -> list[NDArray[np.float64]]:
    return [*scored.scores.T] if scored.scores.ndim == 2 else [scored.scores]


def _sum(values: NDArray[np.float64], position: NDArray[np.intp], groups: int) -> tuple[float, ...]:
    """Sum over groups; fifteen digits leave out what the order of the rows decides."""
    sums = np.bincount(position, weights=values, minlength=groups)
    return tuple(float(f"{each:.15g}") for each in sums)
