"""Measure jointly how well a small classifier tells the rows of a window from those of the days before."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, spread_rows
from slipway.figures import Figure
from slipway.monitoring.drift.classifier import BINS, bin_values, fit_boosted, rank_area
from slipway.monitoring.drift.limits import FEWEST_RECENT, RECENT
from slipway.monitoring.intake.traffic import Traffic
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.windows import WindowDays

# Rows of the window, and of the days before, that the classifier sees.
_ROWS = 2048
# Days are shared out over these folds in turn: rows of a day share their fate and stay together.
_FOLDS = 3
_FEWEST_ROWS = 100
_NAMED = 3


def measure_joint(traffic: Traffic, windows: Sequence[WindowDays]) -> list[Measurement]:
    """Measure the area under the ROC curve of a classifier, on days that it was not fitted to: 0.5 is no difference.

    The rows of a window are told from those of the `RECENT` days before it: a bundle holds no rows. The reference is
    the median of the windows before with their extremes. There is no limit, because seasons tell clean weeks apart as
    well as faults do.
    """
    rows = traffic if traffic.has_inputs.all() else traffic.take(traffic.has_inputs)
    found: list[Measurement] = []
    for window in windows:
        before = [each.figure.value for each in found if each.figure]
        usual = Figure(value=float(np.median(before)), low=min(before), high=max(before)) if before else None
        found.append(msgspec.structs.replace(_measure_window(rows, window), reference=usual))
    return found


def _measure_window(rows: Traffic, window: WindowDays) -> Measurement:
    name, start = "joint", window.start - np.timedelta64(RECENT, "D")
    every = (rows.between(window.start, window.end), rows.between(start, window.start))
    parts = [part.take(spread_rows(len(part), _ROWS)) for part in every]
    days, before = (len(np.unique(part.days())) for part in parts)
    if not days:
        return Measurement(name=name, note="no logged inputs in this window")
    if before < FEWEST_RECENT:
        return Measurement(name=name, note=f"only {before} days before this window, {FEWEST_RECENT} needed")
    if days < _FOLDS or min(map(len, parts)) < _FEWEST_ROWS:
        found = f"{len(parts[0]):,} rows on {days} days, and {len(parts[1]):,} before"
        return Measurement(name=name, note=f"{found}; {_FOLDS} days and {_FEWEST_ROWS} rows each needed")
    columns = {column: np.concatenate([part.columns[column] for part in parts]) for column in parts[0].columns}
    target = np.repeat([True, False], [len(part) for part in parts])
    area, leaning = _tell_apart(_encode(columns), target, np.concatenate([_number_days(part) for part in parts]))
    most = sorted(leaning, key=lambda column: (-leaning[column], column))[:_NAMED]
    return Measurement(
        name=name,
        figure=Figure(value=area),
        rows=len(every[0]),
        note=f"how well a small classifier tells these rows from those of the {before} days before, most by "
        f"{', '.join(most)}; 0.5: not at all. A note and no alarm: seasons tell clean weeks apart too",
    )


def _number_days(part: Traffic) -> NDArray[np.intp]:
    """Return the fold of each row."""
    return np.unique(part.days(), return_inverse=True)[1] % _FOLDS


def _encode(columns: Columns) -> Mapping[str, NDArray[np.intp]]:
    """Return the bin of each value; timestamps by hour, for a date alone tells windows apart."""

    def encode(values: NDArray[Any]) -> NDArray[np.intp]:
        if values.dtype.kind == "M":
            hours = values.astype("datetime64[h]").astype(np.int64) % 24
            return np.where(np.isnat(values), BINS - 1, hours)
        return bin_values(values)

    return {name: encode(values) for name, values in sorted(columns.items())}


def _tell_apart(
    columns: Mapping[str, NDArray[np.intp]], target: NDArray[np.bool_], folds: NDArray[np.intp]
) -> tuple[float, Mapping[str, float]]:
    """Return the mean area over the folds, and how much each column gained."""
    bins, areas, gains = np.column_stack([*columns.values()]), [], np.zeros(len(columns))
    for fold in range(_FOLDS):
        unseen = folds == fold
        fitted = fit_boosted(bins[~unseen], target[~unseen])
        areas.append(rank_area(fitted.score(bins[unseen]), target[unseen]))
        gains += fitted.gains
    return float(np.mean(areas)), dict(zip(columns, gains.tolist(), strict=True))
