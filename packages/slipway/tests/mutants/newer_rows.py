"""Models that win on the newer rows, where these decide: every refusal is about the whole holdout."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from catalogue import mutant
from ledgerbox import deploy
from projectbox import Project, add_a_year

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _is_old(part: pd.DataFrame) -> pd.Series:
    return part["time"] < pd.Timestamp("2025-01-01")


def _as_it_is(part: pd.DataFrame) -> pd.DataFrame:
    return part


def _retrained_a_year_later(project: Project, train: Change = _as_it_is, holdout: Change = _as_it_is) -> None:
    """Production knows the old days alone, the newer rows decide, and the parts of a retrain have a year of them."""
    deploy(project.root, project.retrain(trees=32))
    project.change_rules(decides="newer")
    parts = add_a_year(project)
    project.retrain(train(parts[0]), holdout(parts[1]))


def _all_days(project: Project) -> None:
    """A retrain has learnt from the old days and the newer ones."""
    _retrained_a_year_later(project)


def _shuffled(rows: Callable[[pd.DataFrame], pd.Series]) -> Change:
    """Shuffle the labels of some rows."""

    def change(part: pd.DataFrame) -> pd.DataFrame:
        chosen = np.flatnonzero(rows(part))
        target = part["target"].to_numpy(copy=True)
        target[chosen] = target[np.random.default_rng(5).permutation(chosen)]
        return part.assign(target=target)

    return change


@mutant("not_worse", _all_days)
def old_days_forgotten(project: Project) -> None:
    """The newer rows decide, on which the model wins, and it has forgotten the old days."""
    _retrained_a_year_later(project, _shuffled(_is_old))


@mutant("no_slice_worse", _all_days)
def old_days_of_a_plan_forgotten(project: Project) -> None:
    """The newer rows decide, on which the model wins, and it has forgotten one plan on the old days."""
    _retrained_a_year_later(project, _shuffled(lambda part: _is_old(part) & (part["plan"] == "plus")))


@mutant("newer_rows_dated", _all_days)
def newer_rows_undated(project: Project) -> None:
    """The newer rows decide, and of those half have no time, so that the others decide alone."""

    def change(part: pd.DataFrame) -> pd.DataFrame:
        return part.assign(time=part["time"].mask(~_is_old(part) & (part["key"] % 2 == 0)))

    _retrained_a_year_later(project, holdout=change)


@mutant("newer_rows_dated", _all_days)
def time_left_out(project: Project) -> None:
    """The newer rows decide, and the dataset leaves out the column that dates them."""

    def change(part: pd.DataFrame) -> pd.DataFrame:
        return part.drop(columns="time")

    _retrained_a_year_later(project, change, change)


def _declared_for_itself(project: Project) -> None:
    """A pull request lets the newer rows decide, and its model has learnt from all days."""
    _all_days(project)


@mutant("not_worse", _declared_for_itself, base=True)
def newer_rows_for_its_own_sake(project: Project) -> None:
    """A pull request lets the newer rows decide, on which its own model wins, and it has forgotten the old days."""
    old_days_forgotten(project)


def _steps(project: Project, trees: Sequence[int]) -> None:
    """The newer rows decide, and models of so many trees are released one after the other; the last one is next."""
    for number in trees[:-1]:
        deploy(project.root, project.retrain(trees=number))
    project.change_rules(decides="newer")
    project.retrain(trees=trees[-1])


def _as_good_as_before(project: Project) -> None:
    """The newer rows decide, and release after release is as good as the one before it."""
    _steps(project, (30, 31, 28, 32))


@mutant("not_eroded", _as_good_as_before)
def eroded_where_newer_rows_decide(project: Project) -> None:
    """The newer rows decide, and release after release is a little worse on the whole holdout."""
    _steps(project, (30, 14, 10, 8, 7))
