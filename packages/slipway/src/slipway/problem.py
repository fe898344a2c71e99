"""The problem that a team brings: one object made of plain data and plain functions."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.errors import ProblemError

if TYPE_CHECKING:
    import pandas as pd

    from slipway.columns import Columns

Params = Any


class Task(StrEnum):
    """The kind of a model's predictions."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Expectation(msgspec.Struct, frozen=True):
    """One rule of Great Expectations: its type in snake case, its arguments, and the reason for it."""

    type: str
    kwargs: Mapping[str, Any]
    why: str


class View(msgspec.Struct, frozen=True):
    """A table derived from the dataset, such as one row per month, and the rules that must hold in it."""

    name: str
    of: Callable[["pd.DataFrame"], "pd.DataFrame"]
    expectations: tuple[Expectation, ...]


class Slice(msgspec.Struct, frozen=True):
    """A partition of the dataset into parts to evaluate separately: a label for each row."""

    name: str
    of: Callable[["pd.DataFrame"], "pd.Series"]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of a model card; no field may be empty."""

    title: str
    intended_use: str
    out_of_scope: str
    data: str
    target: str
    limits: str
    license: str
    contact: str


class ProblemFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The name, task and primary metric of a problem: all that the gate knows; its code runs in another process."""

    name: str
    task: Task
    metric: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction problem, from the row that a client sends to the estimator that predicts.

    `load(data_dir)` returns the contract's columns plus `target`, and optionally `group` (rows that must stay on one
    side of the split), `time` (when the row happened) and `key` (unique per row). `features` is columns in, columns
    out, numpy only; None is the identity. `build(params, seed)` returns an unfitted scikit-learn estimator.
    `metric` is the primary metric that the gate judges. `outcome` says in a few words what a score is the probability
    of, such as "late arrival", or which value a regression predicts; the service's page and API show it.

    `positive` is the class that a binary score is the probability of; text has no other order than the alphabet, so
    classes of text need it. Without it True is positive, or the larger number. `build` gets one float32 column for
    each feature: text as its code in alphabetical order from 0, -1 where it is missing, -2 where the training set
    does not have it; a missing number as NaN.

    `refresh(data_dir, until)` adds to `data_dir` what was known on the day `until` and is not there yet; `slipway
    retrain` and `slipway replay` need it. `settled(data_dir)` returns for each `key` the instant (UTC) at which the
    outcome was known: a Series indexed by key; without it the outcomes of a replay come after a constant delay.
    `add_labelled(data_dir, rows)` puts rows of production's log whose outcome is known into `data_dir`, those that are
    not there yet: a DataFrame with the contract's columns, `target`, `time` (when it was predicted, UTC) and `key` (the
    prediction's identifier); `slipway retrain --from-log` needs it.
    """

    name: str
    task: Task
    metric: str
    contract: type[msgspec.Struct]
    load: Callable[[Path], "pd.DataFrame"]
    params: type[msgspec.Struct]
    build: Callable[[Params, int], Any]
    card: Card
    outcome: str = ""
    positive: bool | int | str | None = None
    features: Callable[["Columns"], "Columns"] | None = None
    slices: tuple[Slice, ...] = ()
    views: tuple[View, ...] = ()
    refresh: Callable[[Path, date], None] | None = None
    settled: Callable[[Path], "pd.Series"] | None = None
    add_labelled: Callable[[Path, "pd.DataFrame"], None] | None = None


def order_classes(problem: Problem, classes: Sequence[bool | int | str]) -> tuple[bool | int | str, ...]:
    """Put the positive class of a binary task last; raises `ProblemError` where `positive` does not say which it is."""
    if problem.task is not Task.BINARY:
        if problem.positive is None:
            return tuple(classes)
        raise ProblemError(
            f"positive={problem.positive!r} is for a binary task, this one is {problem.task}. Delete it."
        )
    if problem.positive is None and any(isinstance(name, str) for name in classes):
        raise ProblemError(
            f"The target has the classes {' and '.join(map(repr, classes))}, which have no order. Write the one that a "
            f"score is the probability of in problem.py, such as positive={classes[-1]!r}."
        )
    if problem.positive is not None and problem.positive not in classes:
        raise ProblemError(
            f"positive={problem.positive!r} in problem.py is none of the target's classes, "
            f"{' and '.join(map(repr, classes))}. Write one of them."
        )
    return tuple(sorted(classes, key=lambda name: name == problem.positive))


def load_problem(package: str) -> Problem:
    """Import `PROBLEM` from `<package>.problem`."""
    try:
        module = importlib.import_module(f"{package}.problem")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.problem"):
            raise
        raise ProblemError(
            f"Cannot import {package}.problem. [tool.slipway] problem in pyproject.toml must name the package under "
            "src/ that defines PROBLEM in its module problem."
        ) from error
    found = getattr(module, "PROBLEM", None)
    if not isinstance(found, Problem):
        raise ProblemError(f"{package}/problem.py: expected PROBLEM, a slipway.Problem, found {found!r}.")
    return found


def replace_refresh(problem: Problem, name: str) -> Problem:
    """Return the problem with another hook `refresh`: the function that `name` (module:function) names."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except (ModuleNotFoundError, ValueError) as error:
        raise ProblemError(f"Cannot import {name}: {error}. Expected module:function.") from error
    if not callable(found):
        raise ProblemError(f"Expected module:function, found no function {function!r} in {module!r}.")
    return msgspec.structs.replace(problem, refresh=found)
