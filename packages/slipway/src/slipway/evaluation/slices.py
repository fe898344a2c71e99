"""Cut the holdout into the problem's slices and evaluate them in the same resamples as the whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.errors import ProblemError
from slipway.evaluation.intervals import Draws, metric_figure
from slipway.evaluation.metrics import SLICE_METRICS, prepare_metrics
from slipway.evaluation.result import Metric, SliceResult
from slipway.evaluation.scored import Scored, restrict_rows, take_scored
from slipway.evaluation.sums import Measure
from slipway.problem import Slice, Task

if TYPE_CHECKING:
    import pandas as pd

# The log loss of 200 independent rows has an interval of about 0.07; that of fewer is noise.
FEWEST_ROWS = 200
# As many as the split requires of the whole holdout: an interval from fewer groups means little.
FEWEST_GROUPS = 8
# The label of the parts that are too small to be judged alone.
OTHERS = "others"
# A function with more labels than this returns a column rather than a grouping of it.
MOST_LABELS = 100
_ORDER = (
    "The slice {!r} must give its labels in the order of the rows, with their index: found another order, as after "
    "sort_values or groupby. Return frame[...].map(...) or the like in problem.py."
)


class SlicePart(msgspec.Struct, frozen=True, eq=False):
    """One label of one slice, and the positions of its rows."""

    slice: str
    label: str
    rows: NDArray[np.intp]


def cut_slices(slices: Sequence[Slice], frame: "pd.DataFrame") -> tuple[SlicePart, ...]:
    """Cut the frame by every slice, in the order of its labels; rows without a label are `missing`.

    Raises `ProblemError` for a slice that gives no label per row, or too many labels.
    """
    return tuple(part for each in slices for part in _cut(each, frame))


def pool_small_parts(parts: Sequence[SlicePart], group: NDArray[np.intp], fewest_rows: int) -> tuple[SlicePart, ...]:
    """Put those parts of each slice that are too small to be judged together into one, `OTHERS`, so that all rows are.

    Too small is one with fewer than `fewest_rows` rows or `FEWEST_GROUPS` groups; `group` has each row's. Where even
    all of them are too small together, the smallest of the other parts join them, and stay what they are as well.
    """
    names = dict.fromkeys(part.slice for part in parts)
    return tuple(
        part for name in names for part in _pooled([each for each in parts if each.slice == name], group, fewest_rows)
    )


def _pooled(parts: list[SlicePart], group: NDArray[np.intp], fewest_rows: int) -> list[SlicePart]:
    def is_small(rows: NDArray[np.intp]) -> bool:
        return len(rows) < fewest_rows or len(np.unique(group[rows])) < FEWEST_GROUPS

    kept = [part for part in parts if not is_small(part.rows)]
    if len(kept) == len(parts):
        return parts
    rows = np.concatenate([part.rows for part in parts if is_small(part.rows)])
    for part in sorted(kept, key=lambda each: len(each.rows)):
        if not is_small(rows):
            break
        rows = np.concatenate([rows, part.rows])
    return [*kept, SlicePart(parts[0].slice, OTHERS, np.sort(rows))]


def slice_metrics(task: Task, primary: str) -> tuple[str, ...]:
    """Return the metrics of a slice: the primary one and those that few rows can estimate."""
    return tuple(dict.fromkeys((primary, *SLICE_METRICS[task])))


def prepare_slice_metrics(part: SlicePart, scored: Scored, primary: str) -> Measure:
    """Prepare a part's metrics for weights of all groups, of which it may have a few only."""
    present = np.unique(scored.group[part.rows])
    given = prepare_metrics(restrict_rows(scored, part.rows), slice_metrics(scored.task, primary))
    return lambda weights: given(weights[:, present])


def is_large(part: SlicePart) -> bool:
    """Return True if the part has enough rows to compute a metric."""
    return len(part.rows) >= FEWEST_ROWS


def describe_slice(
    part: SlicePart, scored: Scored, primary: str, draws: Mapping[str, Draws], confidence: float
) -> SliceResult:
    """Describe one part by its counts and metrics; `draws` is empty for a part that is not large."""
    inside = take_scored(scored, part.rows)
    groups = len(np.unique(inside.group))
    notes = [] if is_large(part) else [f"fewer than {FEWEST_ROWS} rows: no metrics"]
    if draws and groups < FEWEST_GROUPS:
        notes.append(f"fewer than {FEWEST_GROUPS} groups: no intervals")
    metrics = []
    for name in slice_metrics(scored.task, primary) if draws else ():
        found = metric_figure(draws, name, groups if groups >= FEWEST_GROUPS else 1, confidence)
        if found is None:
            notes.append(f"{_why_undefined(inside)}: no {name}")
        else:
            metrics.append(Metric(name=name, value=found.value, low=found.low, high=found.high))
            if found.low is None and groups >= FEWEST_GROUPS:
                notes.append(f"undefined in many resamples: no interval for {name}")
    return SliceResult(
        slice=part.slice,
        label=part.label,
        rows=len(part.rows),
        groups=groups,
        base_rate=_base_rate(inside),
        metrics=tuple(metrics),
        note="; ".join(notes),
    )


def _cut(each: Slice, frame: "pd.DataFrame") -> list[SlicePart]:
    import pandas as pd

    labels = _labels(each, frame)
    codes, found = pd.factorize(labels, sort=True)
    if len(found) > MOST_LABELS:
        raise ProblemError(
            f"The slice {each.name!r} has {len(found):,} labels, expected at most {MOST_LABELS}: slices "
            "this small are noise. Group the values in problem.py, into ranges for instance."
        )
    turned = _labels(each, frame.iloc[::-1].reset_index(drop=True)).iloc[::-1]
    if not turned.astype(object).reset_index(drop=True).equals(labels.astype(object).reset_index(drop=True)):
        raise ProblemError(_ORDER.format(each.name))
    parts = [SlicePart(each.name, str(label), np.flatnonzero(codes == code)) for code, label in enumerate(found)]
    missing = np.flatnonzero(codes < 0)
    return [*parts, SlicePart(each.name, "missing", missing)] if len(missing) else parts


def _labels(each: Slice, frame: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    labels = _call(each, frame)
    if not isinstance(labels, pd.Series) or len(labels) != len(frame):
        size = f" of length {len(labels):,}" if isinstance(labels, pd.Series) else ""
        raise ProblemError(
            f"The slice {each.name!r} must give a pandas Series with one label for each of {len(frame):,} rows, found "
            f"{type(labels).__name__}{size}. Fix its function in problem.py."
        )
    if not labels.index.equals(frame.index):
        raise ProblemError(_ORDER.format(each.name))
    return labels


def _call(each: Slice, frame: "pd.DataFrame") -> "pd.Series":
    try:
        return each.of(frame)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ProblemError(
            f"The slice {each.name!r} cannot be cut: {type(error).__name__}: {error}. Fix its function in problem.py; "
            f"it is given the prepared holdout, with the columns {', '.join(map(str, frame.columns))}."
        ) from error


def _why_undefined(inside: Scored) -> str:
    return "one class only" if inside.task is not Task.REGRESSION else "the target is constant"


def _base_rate(inside: Scored) -> float:
    if inside.task is Task.MULTICLASS:
        return float(np.bincount(inside.target).max() / len(inside.target))
    return float(inside.target.mean())
