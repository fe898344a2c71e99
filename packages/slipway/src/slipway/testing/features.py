"""Features of a row depend on that row alone: they are the same in training, in the service and in a batch."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slipway.columns import Columns, count_rows, frame_to_columns, take_rows
from slipway.contract import read_contract
from slipway.problem import Problem
from slipway.training.fit import derive_features

if TYPE_CHECKING:
    import pandas as pd

ROWS, ALONE = 2_000, 200


@pytest.fixture(scope="session")
def columns(problem: Problem, sample: "pd.DataFrame") -> Columns:
    """Rows spread over the sample, as features get them."""
    return frame_to_columns(read_contract(problem.contract), sample.iloc[:: -(-len(sample) // ROWS)])


class FeatureConformance:
    """Test that `features` is a pure function of one row."""

    def test_features_of_a_row_alone_are_those_in_a_batch(self, problem: Problem, columns: Columns) -> None:
        together = derive_features(problem, columns)
        for row in range(0, count_rows(columns), max(1, count_rows(columns) // ALONE)):
            alone = derive_features(problem, take_rows(columns, slice(row, row + 1)))
            _compare(
                alone, take_rows(together, slice(row, row + 1)), f"of row {row} alone differ from those in a batch"
            )

    def test_features_are_the_same_in_another_order(self, problem: Problem, columns: Columns) -> None:
        order = np.random.default_rng(0).permutation(count_rows(columns))
        shuffled = derive_features(problem, take_rows(columns, order))
        _compare(shuffled, take_rows(derive_features(problem, columns), order), "depend on the order of the rows")

    def test_features_are_the_same_when_asked_again(self, problem: Problem, columns: Columns) -> None:
        first = {name: values.copy() for name, values in derive_features(problem, columns).items()}
        _compare(derive_features(problem, columns), first, "differ when they are asked for again")

    def test_features_leave_their_input_as_it_is(self, problem: Problem, columns: Columns) -> None:
        given = {name: values.copy() for name, values in columns.items()}
        derive_features(problem, given)
        _compare(given, columns, "change the columns that they are given")


def _compare(found: Columns, expected: Columns, what: str) -> None:
    assert found.keys() == expected.keys(), f"Features {what}: {sorted(found.keys() ^ expected.keys())}"
    for name, values in found.items():
        assert values.dtype == expected[name].dtype and _equal(values, expected[name]), (
            f"Features {what}: {name!r}. features.py may look at nothing but the row itself: no other row, no mean of "
            "the batch, no clock, no random number, no file. What is learnt from data belongs into the estimator."
        )


def _equal(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return np.array_equal(found, expected, equal_nan=found.dtype.kind in "fmM")
