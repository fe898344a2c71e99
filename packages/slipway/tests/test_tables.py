"""A folder of parquet files is read as one table, or refused by the name of the file and the column."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.errors import DataError
from slipway.tables import read_parquet_folder

COLUMNS = {"day": "timestamp", "plan": "text", "bills": "integer", "usage": "number", "paperless": "boolean"}


def table(**changed):
    good = {
        "day": pa.array([datetime(2024, 1, 1), None]),
        "plan": pa.array(["basic", None]),
        "bills": pa.array([3, 4], pa.int16()),
        "usage": pa.array([0.5, None]),
        "paperless": pa.array([True, False]),
    }
    return pa.table({**good, **changed})


def without(name):
    return table().drop_columns([name])


def write(folder, **tables):
    for name, content in tables.items():
        folder.mkdir(exist_ok=True)
        pq.write_table(content, folder / f"{name}.parquet", write_page_checksum=True)
    return folder


def refusal(folder, columns=COLUMNS):
    with pytest.raises(DataError) as refused:
        read_parquet_folder(folder, columns)
    return str(refused.value)


def test_files_are_read_in_the_order_of_their_names(tmp_path):
    late, early = (table(bills=pa.array([number, number])) for number in (2, 1))
    assert read_parquet_folder(write(tmp_path, b=late, a=early), COLUMNS)["bills"].tolist() == [1, 1, 2, 2]


def test_the_requested_columns_are_read_and_others_ignored(tmp_path):
    frame = read_parquet_folder(write(tmp_path, a=table(secret=pa.array(["x", "y"]))), COLUMNS)
    assert list(frame.columns) == list(COLUMNS)
    assert frame.dtypes.astype(str).to_dict() == {
        "day": "datetime64[us]",
        "plan": "str",
        "bills": "int64",
        "usage": "float64",
        "paperless": "bool",
    }


def test_missing_values_stay_missing_and_types_stay_what_they_are(tmp_path):
    gaps = table(bills=pa.array([2**60 + 1, None]), paperless=pa.array([True, None]))
    frame = read_parquet_folder(write(tmp_path, a=gaps), COLUMNS)
    assert frame.isna().sum().to_dict() == {"day": 1, "plan": 1, "bills": 1, "usage": 1, "paperless": 1}
    assert frame["bills"][0] == 2**60 + 1
    assert frame["paperless"].dtype == "boolean"


def test_files_with_types_of_other_widths_are_joined(tmp_path):
    wide = table(
        bills=pa.array([5, 6], pa.int64()),
        usage=pa.array([1, 2], pa.int8()),
        plan=pa.array(["plus", "plus"]).dictionary_encode(),
        day=pa.array([datetime(2024, 2, 1)] * 2, pa.timestamp("ns")),
    )
    frame = read_parquet_folder(write(tmp_path, a=table(), b=wide), COLUMNS)
    assert frame["usage"].tolist()[2:] == [1.0, 2.0]
    assert frame["plan"].tolist()[2:] == ["plus", "plus"]
    assert frame["day"].dtype == "datetime64[us]"


def test_an_instant_is_read_in_utc_whatever_its_zone(tmp_path):
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    zoned = table(day=pa.array([noon, noon], pa.timestamp("ms", tz="Europe/Berlin")))
    frame = read_parquet_folder(write(tmp_path, a=zoned), {"day": "instant"})
    assert frame["day"].dtype == "datetime64[us, UTC]"
    assert frame["day"][0] == pd.Timestamp(noon)


def test_an_instant_without_a_zone_is_refused(tmp_path):
    assert "column day: expected instant, found timestamp[us]" in refusal(
        write(tmp_path, a=table()), {"day": "instant"}
    )


def test_timestamps_with_and_without_a_zone_do_not_mix(tmp_path):
    zoned = table(day=pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 2))
    message = refusal(write(tmp_path, a=table(), b=zoned))
    assert "b.parquet" in message
    assert "a.parquet" in message
    assert "time zone" in message


@pytest.mark.parametrize("exists", [True, False])
def test_the_error_for_a_folder_without_data_tells_how_to_fetch_it(tmp_path, exists):
    folder = tmp_path / "rows"
    if exists:
        folder.mkdir()
    message = refusal(folder)
    assert str(folder) in message
    assert "dvc pull data.dvc" in message


def test_a_missing_column_is_named_with_its_file_and_what_is_there(tmp_path):
    message = refusal(write(tmp_path, a=table(), b=without("usage")))
    assert "b.parquet: expected a column 'usage' (number), found day, plan, bills, paperless" in message


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("bills", [1.0, 2.0], "double"),
        ("usage", ["1", "2"], "string"),
        ("plan", [1, 2], "int64"),
        ("paperless", [1, 0], "int64"),
        ("day", ["2024-01-01", "2024-01-02"], "string"),
        ("usage", [None, None], "null"),
    ],
)
def test_a_column_of_another_type_is_named_with_what_was_expected_and_found(tmp_path, name, values, found):
    message = refusal(write(tmp_path, a=table(), b=table(**{name: pa.array(values)})))
    assert "b.parquet" in message
    assert f"column {name}: expected {COLUMNS[name]}, found {found}" in message


def test_a_file_without_rows_is_refused(tmp_path):
    assert "b.parquet has no rows" in refusal(write(tmp_path, a=table(), b=table().slice(0, 0)))


@pytest.mark.parametrize("kept", [0, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = write(tmp_path, a=table(), b=table()) / "b.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    message = refusal(tmp_path)
    assert "b.parquet as parquet" in message
    assert "dvc pull data.dvc" in message


def test_one_changed_byte_of_data_is_refused(tmp_path):
    path = write(tmp_path, a=table()) / "a.parquet"
    content = bytearray(path.read_bytes())
    content[content.index(b"basic")] ^= 1
    path.write_bytes(content)
    assert "as parquet" in refusal(tmp_path)


def test_the_temporary_file_of_a_killed_writer_is_not_read(tmp_path):
    (write(tmp_path, a=table()) / ".b.parquet.k3j2.part").write_bytes(b"half")
    assert len(read_parquet_folder(tmp_path, COLUMNS)) == 2
