"""Find columns that may be known only afterwards: they explain the target alone, or are later than the row."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import spread_rows
from slipway.problem import Task
from slipway.template.column_plans import ColumnPlan

if TYPE_CHECKING:
    import pandas as pd

# Rows that the search looks at, and folds of it.
_ROWS, _FOLDS = 20_000, 5
# Share of what can be explained above which a column is named. Honest single columns reach .3 to .5.
STRONG = 0.7
_LEAVES, _DEPTH = 20, 6


class Suspect(msgspec.Struct, frozen=True):
    """A column that may be known only after the outcome: what was found, and `strength` from 0 to 1, if measured."""

    column: str
    finding: str
    strength: float = 0.0


def measure_columns(
    frame: "pd.DataFrame", plans: Iterable[ColumnPlan], target: "pd.Series", task: Task
) -> dict[str, float]:
    """Return how much of the target each column explains alone, from 0 to 1.

    A small decision tree on the column, and on whether it is missing, predicts the target of rows that it did not see.
    Its strength is 2 AUC - 1 (the largest over several classes), or the share of variance that it explains.
    """
    outcome = _encode_target(target, task)
    rows = _choose_rows(outcome, task)
    return {plan.source: _measure(_encode(frame[plan.source].iloc[rows]), outcome[rows], task) for plan in plans}


def find_suspects(frame: "pd.DataFrame", strengths: Mapping[str, float], time: str | None) -> tuple[Suspect, ...]:
    """Return the columns that may be known only afterwards, the strongest first."""
    found = _find_later(frame, strengths, time)
    for source, strength in strengths.items():
        if strength >= STRONG:
            found.append(Suspect(source, f"it alone explains {strength:.0%} of the target", strength))
    return tuple(sorted(found, key=lambda each: -each.strength))


def _find_later(frame: "pd.DataFrame", columns: Iterable[str], time: str | None) -> list[Suspect]:
    if time is None:
        return []
    others = [name for name in columns if name != time and frame[name].dtype == frame[time].dtype]
    later = {name: int((frame[name] > frame[time]).sum()) for name in others}
    return [
        Suspect(name, f"later than {time} in {rows:,} rows, so known only afterwards", 1.0)
        for name, rows in later.items()
        if rows
    ]


def _encode_target(target: "pd.Series", task: Task) -> NDArray[np.float64]:
    if task is Task.REGRESSION:
        return target.to_numpy(np.float64)
    return target.astype("category").cat.codes.to_numpy(float)


def _choose_rows(outcome: NDArray[np.float64], task: Task) -> NDArray[np.intp]:
    """Return an even spread of the rows of each class: a rare one keeps its rows, and the AUC does not change."""
    if task is Task.REGRESSION:
        return spread_rows(len(outcome), _ROWS)
    places = [np.flatnonzero(outcome == label) for label in np.unique(outcome)]
    chosen = [each[spread_rows(len(each), _ROWS // len(places))] for each in places]
    return np.sort(np.concatenate(chosen))


def _encode(column: "pd.Series") -> NDArray[np.float64]:
    """Return a number and a mark for missing in each row; texts by the rank of how often they occur."""
    if column.dtype.kind == "M":
        values = column.astype("int64").to_numpy(np.float64)
    elif column.dtype.kind in "iufb" or str(column.dtype) in ("Int64", "boolean"):
        values = column.astype("float64").to_numpy()
    else:
        values = column.map(column.value_counts().rank(method="first")).to_numpy(np.float64)
    missing = column.isna().to_numpy()
    return np.column_stack([np.where(missing, 0.0, values), missing])


def _measure(inputs: NDArray[np.float64], outcome: NDArray[np.float64], task: Task) -> float:
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    size = {"max_depth": _DEPTH, "min_samples_leaf": _LEAVES, "random_state": 0}
    if task is Task.REGRESSION:
        predicted = cross_val_predict(DecisionTreeRegressor(**size), inputs, outcome, cv=_FOLDS)
        return float(r2_score(outcome, predicted))
    predicted = cross_val_predict(DecisionTreeClassifier(**size), inputs, outcome, cv=_FOLDS, method="predict_proba")
    return max(
        float(2 * roc_auc_score(outcome == label, predicted[:, label]) - 1) for label in range(predicted.shape[1])
    )
