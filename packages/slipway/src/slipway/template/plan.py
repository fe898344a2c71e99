"""Plan a new problem from a table: task, target, inputs, slices, and what a person must look at."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from slipway.errors import DataError
from slipway.monitoring.suggest.volume import Volume, measure_volume
from slipway.problem import Task
from slipway.template.column_plans import ColumnPlan, LeftOut, explain_text, find_kind, plan_columns
from slipway.template.field_names import TIMES, name_fields
from slipway.template.grouping import plan_grouping, plan_time_split
from slipway.template.quoting import quote_name
from slipway.template.request import NewProblem, verify_columns
from slipway.template.suspects import Suspect, find_suspects, measure_columns
from slipway.template.target import find_target_kind, plan_target

if TYPE_CHECKING:
    import pandas as pd

# Parts of a slice: at most so many, each with this many rows.
_MOST_PARTS, _FEWEST_IN_PART, _MOST_SLICES = 12, 100, 5
# A model takes float32.
_LARGEST = float(np.finfo("float32").max)
# Below so many rows or groups the holdout would be too small with a smaller share.
_SMALL, _HOLDOUT, _LARGE_HOLDOUT = 5_000, 0.2, 0.3
# Fewer rows than this, in all or of one class, and a linear model is the sounder default: with 145 failures in 12,000
# rows of machines, trees lost 13 % to a constant and a linear model won 18 %.
_FEWEST_FOR_TREES, _FEWEST_OF_CLASS_FOR_TREES = 1_000, 500


class ProblemPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the files of a new problem say.

    `classes` are those of the target, `positive` the one that becomes true, in a `share` of the rows; `without_target`
    counts the rows without outcome, which are not in `rows`; `group_by_day` if a day of `time` is a group; `holdout` is
    the share that is held out, of the newest rows if `split_by_time`; `strongest` is the largest share of the target
    that one column explains alone; `rarest` counts the rows of the rarest class, all rows of a regression; `volume` is
    what comes a day, None where the table does not show it; `guesses` are for a person to confirm.
    """

    name: str
    request: NewProblem
    task: Task
    rows: int
    without_target: int
    groups: int
    target_kind: str
    classes: tuple[Any, ...]
    positive: Any
    share: float
    kinds: dict[str, str]
    inputs: tuple[ColumnPlan, ...]
    left_out: tuple[LeftOut, ...]
    strongest: float
    suspects: tuple[Suspect, ...]
    slices: tuple[ColumnPlan, ...]
    group_by_day: bool
    holdout: float
    split_by_time: bool
    linear: bool
    rarest: int
    threshold: float
    volume: Volume | None
    guesses: tuple[str, ...]

    @property
    def timestamps(self) -> tuple[ColumnPlan, ...]:
        """Return the inputs from which features.py derives a clock."""
        return tuple(each for each in self.inputs if each.kind in TIMES)


def plan_problem(table: pa.Table, request: NewProblem) -> ProblemPlan:
    """Plan a problem; raises `SettingsError` for a request that the table does not allow, `DataError` for the table."""
    kinds = {name: find_kind(table.schema.field(name).type) for name in table.column_names}
    verify_columns(request, kinds)
    kinds[request.target] = find_target_kind(table[request.target], kinds[request.target], request.task)
    frame = _select_rows(table, request, kinds)
    target = plan_target(frame[request.target], kinds[request.target], request)
    values = frame[request.target]
    outcome = values == target.positive if target.task is Task.BINARY else values
    rarest = len(frame) if target.task is Task.REGRESSION else int(values.value_counts().min())
    grouping = plan_grouping(frame, kinds, request)
    holdout = _LARGE_HOLDOUT if grouping.groups < _SMALL else _HOLDOUT
    by_time = plan_time_split(frame, request, grouping, holdout, len(target.classes))
    inputs, left_out = _plan_inputs(frame, kinds, request)
    volume = measure_volume(frame[request.time]) if request.time is not None else None
    strengths = measure_columns(frame, inputs, outcome, target.task)
    return ProblemPlan(
        name=request.name,
        request=request,
        task=target.task,
        rows=len(frame),
        without_target=table.num_rows - len(frame),
        groups=grouping.groups,
        target_kind=kinds[request.target],
        classes=target.classes,
        positive=target.positive,
        share=target.share,
        kinds={name: kinds[name] for name in table.column_names if name not in request.drop},
        inputs=inputs,
        left_out=left_out,
        strongest=max(strengths.values()),
        suspects=find_suspects(frame, strengths, request.time),
        slices=_find_slices(frame, inputs),
        group_by_day=grouping.by_day,
        holdout=holdout,
        split_by_time=by_time,
        linear=len(frame) < _FEWEST_FOR_TREES or rarest < _FEWEST_OF_CLASS_FOR_TREES,
        rarest=rarest,
        threshold=target.threshold,
        volume=volume,
        guesses=(
            *target.guesses,
            *grouping.guesses,
            *_explain_holdout(request, holdout, by_time),
            *_explain_texts(frame, kinds, request),
            _explain_volume(volume),
        ),
    )


def _select_rows(table: pa.Table, request: NewProblem, kinds: dict[str, str]) -> "pd.DataFrame":
    """Return the rows with an outcome as a frame; raises `DataError` for none, and for numbers beyond float32."""
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind))
    if kinds[request.target] == "integer":
        frame[request.target] = frame[request.target].astype("Int64")
    frame = frame[frame[request.target].notna()].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"The target {request.target} is missing in all {table.num_rows:,} rows.")
    numbers = [name for name, kind in kinds.items() if kind == "number" and name not in request.drop]
    infinite = {name: int((frame[name].abs() > _LARGEST).sum()) for name in numbers}
    found = [f"{name} ({rows:,} rows)" for name, rows in infinite.items() if rows]
    if found:
        raise DataError(
            f"Numbers that are infinite, or beyond the {_LARGEST:.1e} of float32, in {', '.join(found)}. Write them as "
            "missing, or leave the column out with --drop."
        )
    return frame


def _plan_inputs(
    frame: "pd.DataFrame", kinds: dict[str, str], request: NewProblem
) -> tuple[tuple[ColumnPlan, ...], tuple[LeftOut, ...]]:
    roles = {request.target, request.group, request.key, *request.drop}
    columns = [name for name in frame if name not in roles]
    fields = name_fields(columns, [name for name in columns if kinds[name] in TIMES])
    inputs, left_out = plan_columns(frame, kinds, fields)
    if not any(each.kind not in TIMES or each.clocks for each in inputs):
        reasons = [f"{each.column}: {each.reason}" for each in left_out]
        reasons += [f"{each.source}: the same time of day and weekday in every row" for each in inputs]
        raise DataError(
            f"No column is left that could be an input. {'; '.join(reasons) or 'The table has no other column'}."
        )
    return inputs, left_out


def _explain_holdout(request: NewProblem, holdout: float, by_time: bool) -> list[str]:
    if by_time:
        return [f"the newest {holdout:.0%} of the rows by {quote_name(request.time or '')} are held out, in whole days"]
    if request.time is not None:
        return [
            "rows of any time are held out: the newest ones are too few whole groups, lack a class, or rows have no "
            f"{quote_name(request.time)} (docs/files-and-split.md)"
        ]
    return []


def _explain_volume(volume: Volume | None) -> str:
    if volume is None:
        return (
            "monitor.yaml has the default windows: the table does not show how many rows come a day "
            "(`slipway monitor suggest --rows-per-day N`)"
        )
    return f"monitor.yaml has windows for {volume.rows:,.1f} rows a day, as {volume.source.replace('dataset', 'table')}"


def _explain_texts(frame: "pd.DataFrame", kinds: dict[str, str], request: NewProblem) -> list[str]:
    texts = [name for name in frame if kinds[name] == "text" and name not in (request.target, *request.drop)]
    found = {name: explain_text(frame[name]) for name in texts}
    return [f"{quote_name(name)} is read as text: {why}" for name, why in found.items() if why]


def _find_slices(frame: "pd.DataFrame", inputs: tuple[ColumnPlan, ...]) -> tuple[ColumnPlan, ...]:
    found = []
    for plan in inputs:
        counts = frame[plan.source].value_counts(dropna=False)
        few = plan.kind in ("text", "boolean", "integer") and len(counts) <= _MOST_PARTS
        if few and (counts >= _FEWEST_IN_PART).sum() > 1:
            found.append(plan)
    return tuple(found[:_MOST_SLICES])
