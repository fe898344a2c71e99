"""Holdouts that moved, by another split or with time, so that they flatter a model or hide rows."""

from collections.abc import Callable
from datetime import date

import msgspec
import pandas as pd
from catalogue import mutant
from ledgerbox import deploy
from projectbox import Project

from slipway.data.splitting import split_frame
from slipway.params import SplitBy, SplitParams

NEWEST = SplitParams(salt="toys", by=SplitBy.TIME, holdout=0.25)
SINCE = SplitParams(salt="toys", by=SplitBy.TIME, from_day=date(2024, 2, 10))
BEFORE = pd.Timestamp("2024-02-20")


def _hold_out(
    project: Project, split: SplitParams, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> None:
    """Split all rows by other parameters, and train on them."""
    project.write_params(msgspec.structs.replace(project.params, split=split))
    both = pd.concat([project.train, project.holdout], ignore_index=True)
    project.retrain(*split_frame(change(both) if change else both, split))


def _larger_holdout(project: Project) -> None:
    """A larger share of the groups is held out, by the same salt."""
    # Fewer days teach a toy less than production knows.
    project.change_rules(calibration_cost=0.1, calibration_margin=0.2)
    _hold_out(project, SplitParams(salt="toys", holdout=0.4))


@mutant("enough_unseen", _larger_holdout)
def holdout_that_production_knows(project: Project) -> None:
    """Another salt holds out groups on which production's model was trained."""
    _hold_out(project, SplitParams(salt="another", holdout=0.2))


def _grown(project: Project, split: SplitParams, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> None:
    """Production was split by time when the table ended ten days before; the candidate has all rows."""
    _hold_out(project, split, lambda rows: rows[rows["time"] < BEFORE])
    deploy(project.root, project.retrain(*_parts(project), trees=32))
    _hold_out(project, split, change)


def _parts(project: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, holdout = (pd.read_parquet(project.root / "prepared" / f"{name}.parquet") for name in ("train", "holdout"))
    return train, holdout


def _moved_by_its_share(project: Project) -> None:
    """The newest share is held out of a table that grew."""
    _grown(project, NEWEST)


@mutant("production_reproduced", _moved_by_its_share)
def hard_day_left_out_as_the_holdout_moved(project: Project) -> None:
    """The newest share is held out of a table that grew, and lost one day of those that production was evaluated on."""
    _grown(project, NEWEST, lambda rows: rows[rows["group"] != "2024-02-18"])


@mutant("production_reproduced", _moved_by_its_share)
def values_changed_as_the_holdout_moved(project: Project) -> None:
    """The newest share is held out of a table that grew, and a number is in another unit now."""
    _grown(project, NEWEST, lambda rows: rows.assign(usage=rows["usage"] * 60))


def _same_day(project: Project) -> None:
    """The rows from the same day on are held out of a table that grew."""
    _grown(project, SINCE)


@mutant("holdout_disjoint", _same_day)
def newer_rows_trained_on(project: Project) -> None:
    """The training set has rows that are newer than the first held-out day."""
    _grown(project, SINCE)
    train, holdout = _parts(project)
    newest = holdout[holdout["time"] >= BEFORE]
    project.retrain(pd.concat([train, newest], ignore_index=True), holdout[holdout["time"] < BEFORE])


@mutant("enough_unseen", _same_day)
def day_moved_back(project: Project) -> None:
    """The first held-out day moved back, and the newest rows are gone: production was trained on most of the others."""
    _grown(project, SINCE)
    earlier = msgspec.structs.replace(SINCE, from_day=date(2024, 1, 20))
    _hold_out(project, earlier, lambda rows: rows[rows["time"] < pd.Timestamp("2024-02-14")])
