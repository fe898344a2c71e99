"""The rows that the conformance suite tests a problem with."""

import pandas as pd
import pytest

from slipway.problem import Task
from slipway.testing.fixtures import take_sample


@pytest.mark.parametrize("rarest", [1, 4])
def test_a_rare_class_in_regular_places_is_in_the_sample_with_its_share(rarest):
    frame = pd.DataFrame({"target": [row % 200 < rarest for row in range(1, 8001)], "row": range(8000)})
    found = take_sample(frame, Task.BINARY, 2000)
    assert len(found) == pytest.approx(2000, abs=2)
    assert found["target"].sum() == rarest * 10
    assert found["row"].is_monotonic_increasing


def test_every_row_of_a_small_dataset_is_taken_and_of_a_number_every_nth():
    frame = pd.DataFrame({"target": range(10)})
    assert len(take_sample(frame, Task.MULTICLASS, 10)) == 10
    assert take_sample(frame, Task.REGRESSION, 4)["target"].tolist() == [0, 3, 6, 9]
