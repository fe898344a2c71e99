"""The dataset is the same whenever it is loaded, and falls into whole groups and whole slices."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slipway.data.split_days import fix_split_day, read_times
from slipway.data.splitting import add_groups, mark_held_out
from slipway.data.validation.dataset import load_dataset
from slipway.evaluation.holdout import verify_evaluable
from slipway.params import SplitBy
from slipway.problem import Problem
from slipway.project import Project

if TYPE_CHECKING:
    import pandas as pd


class DatasetConformance:
    """Test the properties of the rows that training and the gate rely on."""

    def test_loading_again_gives_the_same_rows(self, problem: Problem, data: Path, frame: "pd.DataFrame") -> None:
        again = load_dataset(problem, data)
        assert frame.equals(again), (
            f"{problem.name}.dataset.load gave other rows the second time. It may use no clock, no random numbers and "
            "no order that is not its own: sort by a key, and seed what is drawn."
        )

    def test_the_split_cuts_no_group_and_keeps_every_row(
        self, sample: "pd.DataFrame", parts: tuple["pd.DataFrame", "pd.DataFrame"], project: Project
    ) -> None:
        train, holdout = parts
        both = sorted(set(train["group"]) & set(holdout["group"]))
        assert not both, (
            f"{len(both)} groups are in training set and holdout, say {both[0]!r}, so the model is judged on rows "
            "whose neighbours it has seen. Split by `group`, and give rows that belong together one group."
        )
        lost = len(sample) - len(train) - len(holdout)
        # By time, rows of a gap and of groups on both sides of it are in neither part.
        assert lost == 0 or (lost > 0 and project.params.split.by is not SplitBy.GROUP), (
            "the split lost rows, or repeated some"
        )

    def test_a_row_stays_on_its_side_of_the_split_as_the_dataset_grows(
        self, sample: "pd.DataFrame", project: Project
    ) -> None:
        numbered = add_groups(sample.assign(key=np.arange(len(sample))))
        split = fix_split_day(numbered, project.params.split)
        before = numbered.iloc[::-2]
        if split.by is not SplitBy.GROUP:
            times = read_times(numbered)
            before = numbered[times <= times.quantile(0.9)].iloc[::-1]
        held = set(numbered["key"][mark_held_out(numbered, split)])
        moved = held.intersection(before["key"]) ^ set(before["key"][mark_held_out(before, split)])
        assert not moved, (
            f"{len(moved)} of {len(before)} rows change sides when the other rows are added, say row "
            f"{min(moved)} of the sample, so figures before and after could not be compared."
        )

    def test_every_row_falls_into_one_part_of_each_slice(self, problem: Problem, sample: "pd.DataFrame") -> None:
        for cut in problem.slices:
            labels = cut.of(sample)
            assert labels.index.equals(sample.index), f"slice {cut.name!r}: its labels are not those of the rows"
            assert labels.notna().all(), f"slice {cut.name!r}: {labels.isna().sum()} rows have no label; give them one"
            assert labels.nunique() > 1, f"slice {cut.name!r} has one part, {labels.iloc[0]!r}, so it cuts nothing"

    def test_the_primary_metric_can_be_judged_and_the_model_card_is_complete(self, problem: Problem) -> None:
        verify_evaluable(problem)
