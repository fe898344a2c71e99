"""A dataset is one table with rows and unique column names; the error for anything else tells what was found."""

import msgspec
import pandas as pd
import pytest
from churn.dataset import make
from churn.problem import PROBLEM

from slipway.data.validation.dataset import load_dataset
from slipway.errors import DataError, ProblemError


def loading(found):
    return msgspec.structs.replace(PROBLEM, load=lambda folder: found)


def test_a_table_comes_with_its_rows_counted_from_0(tmp_path):
    frame = load_dataset(loading(make(20).iloc[5:]), tmp_path)
    assert list(frame.index) == list(range(15))
    assert frame["key"].tolist() == list(range(5, 20))


def test_an_index_of_any_name_is_not_a_column(tmp_path):
    assert "key" not in load_dataset(loading(make(20).set_index("key")), tmp_path)


def test_the_error_for_a_missing_file_tells_how_to_fetch_it(tmp_path):
    problem = msgspec.structs.replace(PROBLEM, load=lambda folder: pd.read_csv(folder / "rows.csv"))
    with pytest.raises(DataError, match=r"rows\.csv.*dvc pull"):
        load_dataset(problem, tmp_path)


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="0 rows"):
        load_dataset(loading(make(20).iloc[:0]), tmp_path)


def test_something_else_than_a_table_is_refused(tmp_path):
    with pytest.raises(ProblemError, match="found dict"):
        load_dataset(loading({"a": [1]}), tmp_path)


def test_a_repeated_column_is_named(tmp_path):
    frame = make(20)
    with pytest.raises(ProblemError, match="'plan' more than once"):
        load_dataset(loading(pd.concat([frame, frame[["plan"]]], axis=1)), tmp_path)


def test_a_column_name_that_is_not_text_is_refused(tmp_path):
    with pytest.raises(ProblemError, match="expected column names of text, found 0"):
        load_dataset(loading(make(20).rename(columns={"plan": 0})), tmp_path)
