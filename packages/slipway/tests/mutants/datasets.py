"""Data that went wrong before the model saw it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from catalogue import mutant
from projectbox import Project

from slipway.data.splitting import split_frame

RNG = 11


def _again(project: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    return project.train.copy(), project.holdout.copy()


def _shuffled(values: pd.Series, share: float = 1.0) -> pd.Series:
    rng = np.random.default_rng(RNG)
    chosen = np.flatnonzero(rng.random(len(values)) < share)
    found = values.copy()
    found.iloc[chosen] = values.iloc[rng.permutation(chosen)].to_numpy()
    return found


def _as_before(project: Project) -> None:
    """The same rows through the same steps."""
    project.retrain(*_again(project))


def _few_labels_mended(project: Project) -> None:
    """One label in a hundred corrected the other way: as honest people do."""
    train, holdout = _again(project)
    rows = np.random.default_rng(RNG).random(len(train)) < 0.01
    train.loc[rows, "target"] = ~train.loc[rows, "target"]
    project.retrain(train, holdout)


@mutant("beats_baseline", _as_before)
def labels_shuffled(project: Project) -> None:
    """The training labels are shuffled."""
    train, holdout = _again(project)
    train["target"] = _shuffled(train["target"])
    project.retrain(train, holdout)


@mutant("not_worse", _few_labels_mended)
def labels_flipped(project: Project) -> None:
    """One training label in four is flipped."""
    train, holdout = _again(project)
    rows = np.random.default_rng(RNG).random(len(train)) < 0.25
    train.loc[rows, "target"] = ~train.loc[rows, "target"]
    project.retrain(train, holdout)


def _noisy_column(project: Project) -> None:
    """A number that is trained on gets a little noise."""
    train, holdout = _again(project)
    train["usage"] = (train["usage"] + np.random.default_rng(RNG).normal(0, 0.01, len(train))).clip(lower=0)
    project.retrain(train, holdout)


@mutant("no_leaking_feature", _noisy_column)
def target_leaked(project: Project) -> None:
    """A number of each row is computed from the outcome."""
    train, holdout = _again(project)
    for part in (train, holdout):
        part["usage"] = part["target"].astype(float) * 5 + 1
    project.retrain(train, holdout)


@mutant("plausible_gain", _noisy_column)
def target_leaked_into_some_rows(project: Project) -> None:
    """A number of most rows is computed from the outcome, which became known only later."""
    train, holdout = _again(project)
    for number, part in enumerate((train, holdout)):
        rows = np.random.default_rng(RNG + number).random(len(part)) < 0.8
        part.loc[rows, "usage"] = part.loc[rows, "target"].astype(float) * 5 + 1
    project.retrain(train, holdout)


@mutant("no_leaking_feature", _noisy_column)
def rows_numbered_after_sorting(project: Project) -> None:
    """A number of each row is its place in a table that was sorted by the outcome."""
    train, holdout = _again(project)
    for part in (train, holdout):
        part["usage"] = part["target"].argsort().argsort() / len(part) * 5
    project.retrain(train, holdout)


@mutant("plausible_gain", _noisy_column)
def outcomes_of_the_neighbours(project: Project) -> None:
    """A number of each row is the mean outcome of a few rows that it belongs to itself, over both parts."""
    train, holdout = _again(project)
    both = pd.concat([train, holdout], ignore_index=True)
    both["usage"] = both.groupby(np.arange(len(both)) // 3)["target"].transform("mean") * 5
    project.retrain(*(both.iloc[rows].reset_index(drop=True) for rows in (slice(len(train)), slice(len(train), None))))


@mutant("holdout_disjoint", _as_before)
def trained_on_the_holdout(project: Project) -> None:
    """The holdout's rows are in the training set too."""
    train, holdout = _again(project)
    project.retrain(pd.concat([train, holdout.assign(key=holdout["key"] + 1_000_000)], ignore_index=True), holdout)


@mutant("holdout_disjoint", _as_before)
def split_by_hand(project: Project) -> None:
    """Groups were chosen for the holdout by hand."""
    train, holdout = _again(project)
    moved = sorted(train["group"].unique())[:3]
    rows = train["group"].isin(moved)
    project.retrain(train[~rows].reset_index(drop=True), pd.concat([holdout, train[rows]], ignore_index=True))


def _one_day_less(project: Project) -> None:
    """A day at the end is not there yet, of those that are trained on."""
    train, holdout = _again(project)
    project.retrain(train[train["group"] != train["group"].max()].reset_index(drop=True), holdout)


@mutant("holdout_whole", _one_day_less)
def month_missing(project: Project) -> None:
    """A month is missing from the dataset."""
    train, holdout = (part[~part["group"].str.startswith("2024-02")].reset_index(drop=True) for part in _again(project))
    project.retrain(train, holdout)


@mutant("holdout_whole", _one_day_less)
def holdout_shrunk(project: Project) -> None:
    """Three days are left out of the holdout."""
    train, holdout = _again(project)
    kept = sorted(holdout["group"].unique())[:-3]
    project.retrain(train, holdout[holdout["group"].isin(kept)].reset_index(drop=True))


@mutant("no_duplicate_rows", _as_before)
def holdout_reweighted(project: Project) -> None:
    """Some rows are in the holdout three times."""
    train, holdout = _again(project)
    some = holdout[holdout["usage"] > 3]
    project.retrain(train, pd.concat([holdout, some, some], ignore_index=True))


@mutant("no_duplicate_rows", _as_before)
def join_repeats_rows(project: Project) -> None:
    """A join repeats the rows of one town."""
    train, holdout = (pd.concat([part, part[part["town"] == "ulm"]], ignore_index=True) for part in _again(project))
    project.retrain(train, holdout)


@mutant("not_worse", _noisy_column)
def unit_changed_after_training(project: Project) -> None:
    """A number is measured in another unit in the training set only."""
    train, holdout = _again(project)
    train["usage"] = train["usage"] * 60
    project.retrain(train, holdout)


@mutant("enough_data", _as_before)
def holdout_too_small(project: Project) -> None:
    """Ten rows of each day are left in the holdout."""
    train, holdout = _again(project)
    project.change_rules(rows=500)
    project.retrain(train, holdout.groupby("group").head(10).reset_index(drop=True))


@mutant("holdout_disjoint", _as_before, base=True)
def another_salt(project: Project) -> None:
    """The salt of the split was changed until the holdout was an easy one."""
    params = project.params
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace(params.split.salt, "kinder"))
    frame = pd.concat([project.train, project.holdout], ignore_index=True)
    project.retrain(*split_frame(frame, project.params.split))


def _copied(project: Project, share: float, change: Callable[[pd.DataFrame, np.random.Generator], None]) -> None:
    """Put changed copies of held-out rows into the training set, under keys and on days of its own."""
    train, holdout = _again(project)
    rng = np.random.default_rng(RNG)
    copies = holdout[rng.random(len(holdout)) < share].copy()
    copies["key"] += 5_000_000
    copies["group"] = rng.choice(train["group"].unique(), len(copies))
    copies["time"] = train["time"].iloc[rng.integers(len(train), size=len(copies))].to_numpy()
    change(copies, rng)
    project.retrain(pd.concat([train, copies], ignore_index=True), holdout)


def _some_training_rows_copied(project: Project) -> None:
    """One training row in fifty has another like it on another day of the training set: regular customers."""
    train, holdout = _again(project)
    rng = np.random.default_rng(RNG)
    regulars = train[rng.random(len(train)) < 0.02].copy()
    regulars["key"] += 5_000_000
    regulars["group"] = rng.choice(train["group"].unique(), len(regulars))
    project.retrain(pd.concat([train, regulars], ignore_index=True), holdout)


def _jitter_usage(copies: pd.DataFrame, rng: np.random.Generator) -> None:
    copies["usage"] = (copies["usage"] + rng.normal(0, 0.02, len(copies))).clip(lower=0)


@mutant("no_near_copies", _some_training_rows_copied)
def holdout_copied_with_noise(project: Project) -> None:
    """Every second held-out row is in the training set too, with a little noise in a number."""
    _copied(project, 0.5, _jitter_usage)


@mutant("no_near_copies", _some_training_rows_copied)
def holdout_copied_on_other_days(project: Project) -> None:
    """A tenth of the held-out rows is in the training set too, under another day."""
    _copied(project, 0.1, lambda copies, rng: None)


def _jitter_all(copies: pd.DataFrame, rng: np.random.Generator) -> None:
    copies["usage"] = (copies["usage"] + rng.normal(0, 0.05 * copies["usage"].std(), len(copies))).clip(lower=0)
    months = copies["months"] + rng.normal(0, 0.05 * copies["months"].std(), len(copies))
    copies["months"] = months.round().clip(0, 600).astype(int)


@mutant("no_near_copies", _some_training_rows_copied)
def holdout_copied_with_noise_in_all_numbers(project: Project) -> None:
    """Every second held-out row is in the training set too, with every number moved by a twentieth of its spread."""
    _copied(project, 0.5, _jitter_all)


def _exchange_months(copies: pd.DataFrame, rng: np.random.Generator) -> None:
    copies["months"] = rng.permutation(copies["months"].to_numpy())


@mutant("no_near_copies", _some_training_rows_copied)
def holdout_copied_with_a_column_exchanged(project: Project) -> None:
    """Every second held-out row is in the training set too, with a number of another of them."""
    _copied(project, 0.5, _exchange_months)


@mutant("no_near_copies", _some_training_rows_copied)
def holdout_copied_and_rounded(project: Project) -> None:
    """A third of the held-out rows is in the training set too, with numbers rounded."""
    _copied(project, 0.33, lambda copies, rng: copies.update(copies["usage"].round(1)))
