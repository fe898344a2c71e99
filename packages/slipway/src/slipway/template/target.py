"""Plan the target of a new problem: its task, its classes, and the class that a score is the probability of."""

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from slipway.errors import DataError, SettingsError
from slipway.problem import Task
from slipway.template.field_names import TIMES
from slipway.template.quoting import quote_name, quote_value
from slipway.template.request import NewProblem

if TYPE_CHECKING:
    import pandas as pd

# Whole numbers of more values than this are a quantity, not classes.
_MOST_CLASSES = 20
# A class rarer than this has its own share as the threshold, else none would ever be predicted.
_RARE = 0.2
# With fewer rows of a class, one part of the split may have none.
_FEWEST_IN_CLASS = 10
# Words for the class that a score is the probability of.
_POSITIVE = frozenset(
    ["yes", "y", "true", "t", "1", "positive", "pos", "bad", "default", "fraud", "churn", "churned", "late", "sick"]
)


class TargetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The target: its task, its classes (none of a regression) and the positive one of two.

    `share` is that of the positive class, `threshold` the score from which a row is labelled so; `guesses` are for a
    person to confirm.
    """

    task: Task
    classes: tuple[Any, ...] = ()
    positive: Any = None
    share: float = 0.0
    threshold: float = 0.5
    guesses: tuple[str, ...] = ()


def find_target_kind(column: pa.ChunkedArray, kind: str, task: Task | None) -> str:
    """Return the kind of the target: whole numbers of few values are classes, even if gaps made them floats."""
    if kind != "number" or task is Task.REGRESSION:
        return kind
    values = pc.unique(column.drop_null())
    whole = [value.is_integer() for value in values.to_pylist()] if len(values) <= _MOST_CLASSES else [False]
    return "integer" if all(whole) else kind


def plan_target(target: "pd.Series", kind: str, request: NewProblem) -> TargetPlan:
    """Plan a target that has a value in every row; raises `SettingsError` and `DataError`."""
    if kind in TIMES:
        raise SettingsError(
            f"The target {target.name} is a time. Make a number or classes of it, and write the table again."
        )
    task = request.task or _guess_task(target, kind)
    if request.positive is not None and task is not Task.BINARY:
        raise SettingsError(
            f"--positive {request.positive}: expected two classes, but the task is {task}. Leave it out."
        )
    values = f"{target.nunique():,} values ({kind})"
    guesses = [] if request.task else [f"task {task}: {quote_name(target.name)} has {values}; another one: --task"]
    if task is Task.REGRESSION:
        if kind not in ("number", "integer", "boolean"):
            raise SettingsError(f"--task regression: the target {target.name} is {kind}, expected numbers.")
        return TargetPlan(task=task, guesses=tuple(guesses))
    classes = _find_classes(target, task)
    guesses += _explain_spellings(target.name, classes)
    if task is Task.MULTICLASS:
        return TargetPlan(task=task, classes=classes, guesses=tuple(guesses))
    positive = _choose_positive(target, classes, request.positive)
    if request.positive is None:
        guesses.append(
            f"a score is the probability that {quote_name(target.name)} is {quote_value(positive)}; another class: "
            "--positive"
        )
    share = float((target == positive).mean())
    threshold = 0.5 if _RARE <= share <= 1 - _RARE else round(min(max(share, 0.01), 0.99), 2)
    return TargetPlan(
        task=task, classes=classes, positive=positive, share=share, threshold=threshold, guesses=tuple(guesses)
    )


def _guess_task(target: "pd.Series", kind: str) -> Task:
    distinct = target.nunique()
    if distinct == 2 or kind == "boolean":
        return Task.BINARY
    is_quantity = kind == "number" or (kind == "integer" and distinct > _MOST_CLASSES)
    return Task.REGRESSION if is_quantity else Task.MULTICLASS


def _find_classes(target: "pd.Series", task: Task) -> tuple[Any, ...]:
    counts = target.value_counts()
    classes = tuple(sorted(counts.index.tolist()))
    shown = ", ".join(quote_value(each) for each in classes[:10]) + (", ..." if len(classes) > 10 else "")
    if len(classes) == 1:
        raise DataError(f"The target {target.name} is constant: {shown} in every row. Choose another target.")
    if task is Task.BINARY and len(classes) != 2:
        raise SettingsError(
            f"--task {task}: the target {target.name} has {len(classes):,} classes ({shown}), expected two."
        )
    if counts.min() < _FEWEST_IN_CLASS:
        rare = int((counts < _FEWEST_IN_CLASS).sum())
        raise DataError(
            f"The target {target.name} has {len(classes):,} classes, {rare:,} of them with fewer than "
            f"{_FEWEST_IN_CLASS} rows, such as {quote_value(counts.index[-1])}. Join rare classes, leave their rows "
            "out, or choose another target."
        )
    return classes


def _explain_spellings(name: object, classes: tuple[Any, ...]) -> list[str]:
    """Name classes that differ in case or blanks alone."""
    spellings: dict[str, list[str]] = {}
    for each in classes:
        spellings.setdefault(" ".join(str(each).casefold().split()), []).append(quote_value(each))
    same = [", ".join(found) for found in spellings.values() if len(found) > 1]
    return [f"{quote_name(name)} may have one class in several spellings: {each}; write it in one way" for each in same]


def _choose_positive(target: "pd.Series", classes: tuple[Any, ...], asked: str | None) -> Any:
    shown = " and ".join(quote_value(each) for each in classes)
    if asked is not None:
        same = [each for each in classes if str(each) == asked]
        chosen = same or [each for each in classes if str(each).strip().lower() == asked.strip().lower()]
        if len(chosen) != 1:
            raise SettingsError(f"--positive {asked}: expected one of the classes of {target.name}, {shown}.")
        return chosen[0]
    likely = [each for each in classes if str(each).strip().lower() in _POSITIVE]
    if len(likely) != 1:
        raise SettingsError(
            f"The target {target.name} has the classes {shown}. Name the one that a score is the probability of with "
            "--positive."
        )
    return likely[0]
