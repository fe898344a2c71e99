"""Plan a new problem from a table: task, target, inputs, slices, and what a person must look at."""

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from slipway.errors import DataError, SettingsError
from slipway.problem import Task
from slipway.template.column_plans import ColumnPlan, LeftOut, kind_of, plan_columns
from slipway.template.request import NewProblem, name_fields, verify_columns
from slipway.template.suspects import Suspect, find_suspects, measure_columns

if TYPE_CHECKING:
    import pandas as pd

# Whole numbers of more values than this are a quantity, not classes.
_MOST_CLASSES = 20
# Parts of a slice: at most so many, each with this many rows.
_MOST_PARTS, _FEWEST_IN_PART, _MOST_SLICES = 12, 100, 5
# Fewer rows than this, and a linear model is the sounder default.
_FEWEST_FOR_TREES = 1_000
# A class rarer than this has its own share as the threshold, else none would ever be predicted.
_RARE = 0.2
# Words for the class that a score is the probability of.
_POSITIVE = (
    "yes",
    "y",
    "true",
    "t",
    "1",
    "positive",
    "pos",
    "bad",
    "default",
    "fraud",
    "churn",
    "churned",
    "late",
    "sick",
)
_FEWEST_DAYS = 30


class ProblemPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the files of a new problem say.

    `classes` are those of the target, `positive` the one that becomes true; `group_by_day` if a day of `time` is a
    group; `strongest` is the largest share of the target that one column
    explains alone; `guesses` are decisions that a person should confirm.
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
    linear: bool
    threshold: float
    guesses: tuple[str, ...]

    @property
    def timestamps(self) -> tuple[ColumnPlan, ...]:
        """Return the inputs from which features.py derives a clock."""
        return tuple(each for each in self.inputs if each.kind in ("timestamp", "instant"))


def plan_problem(table: pa.Table, request: NewProblem) -> ProblemPlan:
    """Plan a problem; raises `SettingsError` for a request that the table does not allow, `DataError` for the table."""
    import pandas as pd

    verify_columns(request, table.column_names)
    kinds = {name: kind_of(table.schema.field(name).type) for name in table.column_names}
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind))
    whole = len(frame)
    frame = frame[frame[request.target].notna()].reset_index(drop=True)
    if frame.empty:
        raise DataError(f"The target {request.target} is missing in all {whole:,} rows.")
    guesses: list[str] = []
    target = frame[request.target]
    task = request.task or _guess_task(target, kinds[request.target], guesses)
    classes, positive = _find_classes(target, task, request, guesses)
    outcome = target == positive if task is Task.BINARY else target
    roles = {request.target, request.group, request.key, *request.drop} - {None}
    columns = [name for name in table.column_names if name not in roles]
    inputs, left_out = plan_columns(frame, kinds, name_fields(columns))
    if not inputs:
        raise DataError(
            "No column is left that could be an input: " + "; ".join(f"{c.column}: {c.reason}" for c in left_out)
        )
    strengths = measure_columns(frame, inputs, outcome, task)
    by_day = _is_grouped_by_day(frame, kinds, request, guesses)
    return ProblemPlan(
        name=request.name,
        request=request,
        task=task,
        rows=len(frame),
        without_target=whole - len(frame),
        groups=_count_groups(frame, request, by_day),
        target_kind=kinds[request.target],
        classes=classes,
        positive=positive,
        share=float(outcome.mean()) if task is Task.BINARY else 0.0,
        kinds={name: kinds[name] for name in table.column_names if name not in request.drop},
        inputs=inputs,
        left_out=left_out,
        strongest=max(strengths.values()),
        suspects=find_suspects(frame, strengths, request.time),
        slices=_find_slices(frame, inputs),
        group_by_day=by_day,
        linear=len(frame) < _FEWEST_FOR_TREES,
        threshold=_choose_threshold(outcome, task),
        guesses=tuple(guesses),
    )


def _guess_task(target: "pd.Series", kind: str, guesses: list[str]) -> Task:
    distinct = target.nunique()
    if kind in ("timestamp", "instant"):
        raise SettingsError(
            f"The target {target.name} is a time. Make a number or classes of it, and write the table again."
        )
    if distinct == 2 or kind == "boolean":
        task = Task.BINARY
    elif kind == "number" or (kind == "integer" and distinct > _MOST_CLASSES):
        task = Task.REGRESSION
    else:
        task = Task.MULTICLASS
    guesses.append(f"task {task}: {target.name} has {distinct:,} values ({kind}); another one: --task")
    return task


def _find_classes(
    target: "pd.Series", task: Task, request: NewProblem, guesses: list[str]
) -> tuple[tuple[Any, ...], Any]:
    if task is Task.REGRESSION:
        if target.dtype.kind not in "iuf" and str(target.dtype) not in ("Int64", "boolean"):
            raise SettingsError(f"--task regression: the target {target.name} is text, expected numbers.")
        return (), None
    classes = tuple(sorted(target.unique().tolist(), key=str))
    shown = ", ".join(map(str, classes[:10]))
    if len(classes) < 2 or (task is Task.BINARY and len(classes) != 2):
        raise SettingsError(
            f"--task {task}: the target {target.name} has {len(classes)} classes ({shown}), expected "
            f"{'two' if task is Task.BINARY else 'two or more'}."
        )
    if task is Task.MULTICLASS:
        return classes, None
    if request.positive is not None:
        chosen = [each for each in classes if str(each).lower() == request.positive.lower()]
        if not chosen:
            raise SettingsError(f"--positive {request.positive}: the target {target.name} has the classes {shown}.")
        return classes, chosen[0]
    likely = [each for each in classes if str(each).strip().lower() in _POSITIVE]
    if len(likely) != 1:
        raise SettingsError(
            f"The target {target.name} has the classes {shown}: of which one is a score to be the probability? Say it "
            "with --positive."
        )
    guesses.append(f"a score is the probability that {target.name} is {likely[0]}; another class: --positive")
    return classes, likely[0]


def _is_grouped_by_day(frame: "pd.DataFrame", kinds: dict[str, str], request: NewProblem, guesses: list[str]) -> bool:
    """Return True if days are to be the groups: rows of a day share their fate."""
    if request.time is None:
        return False
    if kinds[request.time] not in ("timestamp", "instant"):
        raise SettingsError(f"--time {request.time}: expected a column of times, found {kinds[request.time]}.")
    if frame[request.time].isna().any():
        raise DataError(f"--time {request.time}: {frame[request.time].isna().sum():,} rows have no time.")
    days = frame[request.time].dt.date.nunique()
    if request.group is not None or days < _FEWEST_DAYS or days > len(frame) / 2:
        return False
    guesses.append(
        f"rows of one day of {request.time} stay on one side of the split ({days:,} days); otherwise: --group"
    )
    return True


def _count_groups(frame: "pd.DataFrame", request: NewProblem, by_day: bool) -> int:
    if request.group is not None:
        if frame[request.group].isna().any():
            raise DataError(f"--group {request.group}: {frame[request.group].isna().sum():,} rows have no group.")
        return int(frame[request.group].nunique())
    return int(frame[request.time].dt.date.nunique()) if by_day else len(frame)


def _find_slices(frame: "pd.DataFrame", inputs: tuple[ColumnPlan, ...]) -> tuple[ColumnPlan, ...]:
    found = []
    for plan in inputs:
        counts = frame[plan.source].value_counts(dropna=False)
        few = plan.kind in ("text", "boolean", "integer") and len(counts) <= _MOST_PARTS
        if few and (counts >= _FEWEST_IN_PART).sum() > 1:
            found.append(plan)
    return tuple(found[:_MOST_SLICES])


def _choose_threshold(outcome: "pd.Series", task: Task) -> float:
    if task is not Task.BINARY:
        return 0.5
    share = float(outcome.mean())
    return 0.5 if _RARE <= share <= 1 - _RARE else round(min(max(share, 0.01), 0.99), 2)
