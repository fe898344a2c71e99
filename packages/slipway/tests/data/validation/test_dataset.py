"""A dataset is one table with rows and unique column names; the error for anything else tells what was found."""

import msgspec
import pandas as pd
import pyarrow.parquet as pq
import pytest
from churn.dataset import make
from churn.problem import PROBLEM

from slipway import read_folder
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


@pytest.fixture
def data(tmp_path):
    """A folder of one table, and a problem that reads it by any reader."""
    (tmp_path / "data" / "rows").mkdir(parents=True)
    make(40).to_parquet(tmp_path / "data" / "rows" / "a.parquet")
    return tmp_path / "data"


@pytest.mark.parametrize("name", ["README.md", "rows.CSV.bak", "old/b.parquet", "b.csv.gz", "notes/2024/x.txt"])
def test_a_file_in_the_data_that_is_not_read_is_refused_by_name(data, name):
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    (data / name).write_bytes(b"x")
    with pytest.raises(DataError, match=rf"data has files that dataset.py does not read \(1\): {name}"):
        load_dataset(PROBLEM, data)


@pytest.mark.parametrize(
    "read",
    [
        lambda folder: pd.read_parquet(folder / "rows"),
        lambda folder: pq.read_table(folder / "rows" / "a.parquet").to_pandas(),
        lambda folder: read_folder(folder / "rows", {"plan": "text"}),
    ],
)
def test_a_file_counts_as_read_whatever_library_reads_it(data, read):
    assert len(load_dataset(msgspec.structs.replace(PROBLEM, load=read), data)) == 40


def test_a_file_that_a_link_names_counts_as_read(data):
    """So does DVC where its cache is linked into the workspace."""
    stored = data.parent / "stored"
    (data / "rows" / "a.parquet").rename(stored)
    (data / "rows" / "a.parquet").symlink_to(stored)
    assert len(load_dataset(PROBLEM, data)) == 40


def test_what_only_settled_reads_belongs_to_the_data(data):
    (data / "outcomes.csv").write_text("key,known\n")
    problem = msgspec.structs.replace(PROBLEM, settled=lambda folder: pd.read_csv(folder / "outcomes.csv"))
    assert len(load_dataset(problem, data)) == 40


def test_files_that_tools_hide_may_stay(data):
    (data / "rows" / "_SUCCESS").touch()
    (data / ".DS_Store").write_bytes(b"x")
    assert len(load_dataset(PROBLEM, data)) == 40


def test_a_dataset_that_is_not_read_from_there_is_not_judged(data):
    assert len(load_dataset(msgspec.structs.replace(PROBLEM, load=lambda _: make(40)), data)) == 40
