"""Held-out rows that are no longer those on which production's model was evaluated; the candidate knows them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from catalogue import Change, mutant, retrained
from projectbox import Project

from slipway.data.splitting import is_held_out, split_frame
from slipway.gate.rebase import rebase_production

RNG = 11


def _changed(project: Project, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change every row of the dataset, as `dataset.py` would, and train on that."""
    train, holdout = (change(part.copy()).reset_index(drop=True) for part in (project.train, project.holdout))
    project.retrain(train, holdout)


def _honest(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    def twin(project: Project) -> None:
        _changed(project, change)

    return twin


def _new_days(project: Project) -> None:
    """The days of a year later are there too."""
    both = pd.concat([project.train, project.holdout], ignore_index=True)
    later = both.assign(group=both["group"].str.replace("2024", "2025"), key=both["key"] + 1_000_000)
    held = later["group"].map({name: is_held_out(name, project.params.split) for name in later["group"].unique()})
    parts = ((project.train, later[~held]), (project.holdout, later[held]))
    project.retrain(*(pd.concat(part, ignore_index=True) for part in parts))


def _oldest_day_gone(project: Project) -> None:
    """The dataset keeps the last days only: the oldest one has left it."""
    oldest = min(project.train["group"].min(), project.holdout["group"].min())
    _changed(project, lambda part: part[part["group"] > oldest])


_another_order = _honest(lambda part: part.sample(frac=1, random_state=RNG))
_another_column = _honest(lambda part: part.assign(extra=1.0))


@mutant("production_reproduced", _another_order)
def joined_to_random_rows(project: Project) -> None:
    """A number is joined to any row of the table."""
    _changed(project, lambda part: part.assign(usage=part["usage"].sample(frac=1, random_state=RNG).to_numpy()))


def _unit_corrected(project: Project) -> None:
    """A number was in another unit, and a person records that it is right now."""
    _changed(project, lambda part: part.assign(usage=part["usage"] * 0.97))
    project.commit("Correct the unit")
    rebase_production(project.root, "hours of 58 minutes were counted")


@mutant("production_reproduced", _unit_corrected)
def unit_changed_for_all(project: Project) -> None:
    """A number is in another unit, in both parts."""
    _changed(project, lambda part: part.assign(usage=part["usage"] * 60))


@mutant("production_reproduced", _another_order)
def joined_a_row_late(project: Project) -> None:
    """Each row has a number of the row before it on its day."""
    _changed(project, lambda part: part.assign(usage=part.groupby("group")["usage"].shift(1)))


@mutant("production_reproduced", _new_days)
def target_moved(project: Project) -> None:
    """The target means something that is easier to predict."""
    _changed(project, lambda part: part.assign(target=part["target"] & ~(part["usage"] > 1)))


@mutant("production_reproduced", _oldest_day_gone)
def hard_day_left_out(project: Project) -> None:
    """One held-out day is no longer in the dataset."""
    day = sorted(project.holdout["group"].unique())[-2]
    _changed(project, lambda part: part[part["group"] != day])


@mutant("production_reproduced", _new_days)
def easy_rows_doubled(project: Project) -> None:
    """Rows that are easy to predict are there twice, with keys of their own."""

    def double(part: pd.DataFrame) -> pd.DataFrame:
        easy = part[part["usage"] > 4]
        return pd.concat([part, easy.assign(key=easy["key"] + 1_000_000)], ignore_index=True)

    _changed(project, double)


@mutant("production_reproduced", retrained)
def borderline_rows_filtered(project: Project) -> None:
    """Rows that are hard to predict are filtered out, a few of each day."""
    _changed(project, lambda part: part[~part["usage"].between(1.3, 1.4)])


@mutant("production_reproduced", retrained)
def missing_values_filled(project: Project) -> None:
    """Missing values are filled by the mean before the dataset is written."""
    _changed(project, lambda part: part.assign(usage=part["usage"].fillna(part["usage"].mean())))


@mutant("production_reproduced", _another_column)
def rows_without_a_value_filtered(project: Project) -> None:
    """Rows with a missing value are dropped."""
    _changed(project, lambda part: part.dropna(subset=["paperless"]))


@mutant("production_reproduced", _another_order)
def columns_exchanged_in_one_part(project: Project) -> None:
    """Two columns are exchanged from some day on."""

    def exchange(part: pd.DataFrame) -> pd.DataFrame:
        rows = (part["group"] > "2024-02") & part["usage"].notna()
        months, usage = part["months"].to_numpy(), part["usage"].fillna(0).to_numpy()
        return part.assign(
            usage=np.where(rows, months, part["usage"]), months=np.where(rows, usage.round(), months).astype(int)
        )

    _changed(project, exchange)


@mutant("production_reproduced", _new_days)
def days_end_at_another_hour(project: Project) -> None:
    """Some rows of each day are counted to the next one, as by the clock of another zone."""
    both = pd.concat([project.train, project.holdout], ignore_index=True)
    late = np.random.default_rng(RNG).random(len(both)) < 0.1
    day = pd.to_datetime(both["group"]) + pd.to_timedelta(late.astype(int), unit="D")
    project.retrain(*split_frame(both.assign(group=day.dt.strftime("%Y-%m-%d")), project.params.split))


@mutant("production_reproduced", _another_column)
def outliers_clipped(project: Project) -> None:
    """Large values of a number are clipped, for the candidate's training and for everybody's holdout."""
    _changed(project, lambda part: part.assign(usage=part["usage"].clip(upper=3)))


@mutant("production_reproduced", _another_order)
def town_lost_in_a_join(project: Project) -> None:
    """The towns of one plan are missing, because its customers have other keys."""
    _changed(project, lambda part: part.assign(town=part["town"].mask(part["plan"] == "plus")))


def _exempted_by_commit(project: Project) -> None:
    """An exemption lets the correction of one commit in, after a review."""
    _changed(project, lambda part: part.assign(usage=part["usage"] * 0.97))
    soon = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    why = {"check": "production_reproduced", "reason": "the meter was 3 % fast", "until": soon}
    project.change_rules(exemptions=[{**why, "commit": "0a3ca7f"}])


@mutant("inputs", _exempted_by_commit)
def exempted_without_a_commit(project: Project) -> None:
    """An exemption lets changed rows in without naming the commit."""
    _exempted_by_commit(project)
    rules = (project.root / "gate.yaml").read_text()
    (project.root / "gate.yaml").write_text(rules.replace("commit: 0a3ca7f", "commit: null"))


@mutant("production_reproduced", _unit_corrected)
def rebased_on_other_rows(project: Project) -> None:
    """The rows were recorded as right, and changed once more afterwards."""
    _unit_corrected(project)
    _changed(project, lambda part: part.assign(usage=part["usage"] * 60))
