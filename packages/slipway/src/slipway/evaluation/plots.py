"""Make plots as small tables and write them as CSV files, which DVC draws and compares between commits."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.evaluation.calibration import BINS, bin_of, judged_probability
from slipway.evaluation.importance import Importance
from slipway.evaluation.scored import Scored, Vector, predicted_classes
from slipway.figures import round_figure
from slipway.files.writing import new_folder
from slipway.problem import Task

Table = dict[str, Sequence[Any] | NDArray[Any]]

# Enough for a smooth line on any screen.
_POINTS = 200
# Above this many classes a confusion matrix leaves its empty cells out.
_CLASSES = 50
_BINS = 40


def plot_tables(scored: Scored, importance: Sequence[Importance]) -> dict[str, Table]:
    """Return the tables of a task by the name of their file, without suffix."""
    found = {"importance": importance_table(importance)}
    if scored.task is Task.REGRESSION:
        return found | {"predicted_actual": predicted_actual(scored), "residuals": residuals(scored)}
    found |= {"calibration": calibration_curve(scored), "confusion": confusion_matrix(scored)}
    if scored.task is Task.BINARY:
        found |= {"roc": roc_curve(scored), "precision_recall": precision_recall_curve(scored)}
    return found


def roc_curve(scored: Scored) -> Table:
    """Return the ROC curve: both rates rise from 0 to 1 as the threshold falls; at most about 200 points."""
    threshold, hits, alarms = _counts(scored)
    true, false = np.append(0, hits / hits[-1]), np.append(0, alarms / alarms[-1])
    kept = _evenly(true + false)
    # Above every score nothing is predicted positive.
    at = np.append(np.inf, threshold)
    return {"false_positive_rate": false[kept], "true_positive_rate": true[kept], "threshold": at[kept]}


def precision_recall_curve(scored: Scored) -> Table:
    """Return precision by rising recall; at most about 200 points."""
    threshold, hits, alarms = _counts(scored)
    recall, precision = hits / hits[-1], hits / (hits + alarms)
    kept = _evenly(recall)
    return {"recall": recall[kept], "precision": precision[kept], "threshold": threshold[kept]}


def calibration_curve(scored: Scored) -> Table:
    """Return mean score and observed share per bin of equal size; for several classes, of the top class."""
    score, true = judged_probability(scored)
    bins = bin_of(score)
    rows = np.bincount(bins, minlength=BINS)
    kept = rows > 0
    mean = np.bincount(bins, weights=score, minlength=BINS)[kept] / rows[kept]
    observed = np.bincount(bins, weights=true, minlength=BINS)[kept] / rows[kept]
    return {"mean_score": mean, "observed": observed, "rows": rows[kept]}


def confusion_matrix(scored: Scored) -> Table:
    """Count the rows of each actual class by predicted class; `share` is of the actual class's rows."""
    size = len(scored.classes)
    counts = np.bincount(scored.target * size + predicted_classes(scored), minlength=size * size).reshape(size, size)
    actual, said = np.nonzero(counts) if size > _CLASSES else map(np.ravel, np.indices(counts.shape))
    rows = counts[actual, said]
    names = [str(name) for name in scored.classes]
    return {
        "actual": [names[position] for position in actual],
        "predicted": [names[position] for position in said],
        "rows": rows,
        "share": rows / np.maximum(1, counts.sum(axis=1))[actual],
    }


def predicted_actual(scored: Scored) -> Table:
    """Return mean actual by mean predicted value in bins of equal size, with the actual 10 % and 90 % quantiles."""
    order = np.argsort(scored.scores, kind="stable")
    bins = [rows for rows in np.array_split(order, min(_BINS, len(order))) if len(rows)]
    actual = [scored.target[rows] for rows in bins]
    return {
        "predicted": [scored.scores[rows].mean() for rows in bins],
        "actual": [values.mean() for values in actual],
        "actual_p10": [np.quantile(values, 0.1) for values in actual],
        "actual_p90": [np.quantile(values, 0.9) for values in actual],
        "rows": [len(rows) for rows in bins],
    }


def residuals(scored: Scored) -> Table:
    """Return a histogram of errors, predicted less actual; the outer half per cents are counted at the ends."""
    error = scored.scores - scored.target
    low, high = np.quantile(error, [0.005, 0.995]).tolist()
    rows, edges = np.histogram(np.clip(error, low, high), bins=_BINS)
    return {"residual": (edges[:-1] + edges[1:]) / 2, "rows": rows}


def importance_table(found: Sequence[Importance]) -> Table:
    """Return the columns by falling importance."""
    names = ("column", "loss", "low", "high")
    return {name: [getattr(each, name) for each in found] for name in names}


def _counts(scored: Scored) -> tuple[Vector, Vector, Vector]:
    """Return distinct scores, falling, and the numbers of positive and negative rows that score at least as high."""
    threshold, position = np.unique(-scored.scores, return_inverse=True)
    hits = np.bincount(position, weights=scored.target == 1).cumsum()
    alarms = np.bincount(position, weights=scored.target == 0).cumsum()
    return -threshold, hits, alarms


def _evenly(rising: Vector) -> NDArray[np.intp]:
    """Return positions of about `_POINTS` values of a rising sequence, evenly spread, with both ends."""
    wanted = np.linspace(rising[0], rising[-1], _POINTS)
    found = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    return np.unique(np.concatenate(([0], found, [len(rising) - 1])))


def write_plots(tables: Mapping[str, Table], folder: Path) -> None:
    """Write one `<name>.csv` per table; `folder` is replaced as a whole or left as it was."""
    with new_folder(folder) as temporary:
        for name, table in tables.items():
            (temporary / f"{name}.csv").write_bytes(as_csv(table))


def as_csv(table: Table) -> bytes:
    """Write a table as CSV; numbers have six significant digits, undefined ones are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*(list(values) for values in table.values()), strict=True):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{round_figure(value):.6g}" if math.isfinite(value) else ""
    return value
