"""A folder of tables is read as one table, or refused by the name of the file and the column."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from folderbox import COLUMNS, refusal, table, write

from slipway.rows.csv_file import readable
from slipway.rows.folder import read_folder


def without(name):
    return table().drop_columns([name])


def test_files_are_read_in_the_order_of_their_names(tmp_path):
    late, early = (table(bills=pa.array([number, number])) for number in (2, 1))
    assert read_folder(write(tmp_path, b=late, a=early), COLUMNS)["bills"].tolist() == [1, 1, 2, 2]


def test_the_requested_columns_are_read_and_others_ignored(tmp_path):
    frame = read_folder(write(tmp_path, a=table(secret=pa.array(["x", "y"]))), COLUMNS)
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
    frame = read_folder(write(tmp_path, a=gaps), COLUMNS)
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
    frame = read_folder(write(tmp_path, a=table(), b=wide), COLUMNS)
    assert frame["usage"].tolist()[2:] == [1.0, 2.0]
    assert frame["plan"].tolist()[2:] == ["plus", "plus"]
    assert frame["day"].dtype == "datetime64[us]"


def test_an_instant_is_read_in_utc_whatever_its_zone(tmp_path):
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    zoned = table(day=pa.array([noon, noon], pa.timestamp("ms", tz="Europe/Berlin")))
    frame = read_folder(write(tmp_path, a=zoned), {"day": "instant"})
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
    assert "b.parquet: expected a column 'usage' (number), found 'day', 'plan', 'bills', 'paperless'" in message


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("usage", ["1", "2"], "string"),
        ("plan", [1, 2], "int64"),
        ("paperless", [1, 0], "int64"),
        ("day", [1, 2], "int64"),
        ("plan", [b"basic", b"plus"], "binary"),
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
    assert len(read_folder(tmp_path, COLUMNS)) == 2


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        ("usage", pa.nulls(2), [None, None]),
        ("plan", pa.nulls(2), [None, None]),
        ("day", pa.nulls(2), [None, None]),
        ("usage", pa.array([Decimal("1.50"), None]), [1.5, None]),
        ("bills", pa.array([Decimal("3"), Decimal("4")], pa.decimal128(38, 0)), [3, 4]),
        ("bills", pa.array([3.0, float("nan")]), [3, None]),
        ("bills", pa.array([3, 4]).dictionary_encode(), [3, 4]),
        ("usage", pa.array([1.5, 2], pa.float16()), [1.5, 2.0]),
        ("plan", pa.array(["basic", None], pa.string_view()), ["basic", None]),
        ("plan", pa.array(["basic", None], pa.large_string()), ["basic", None]),
        ("day", pa.array(["2024-01-01 00:00:00.000", None]), [datetime(2024, 1, 1), None]),
        ("day", pa.array([datetime(2024, 1, 1), None], pa.timestamp("ns")), [datetime(2024, 1, 1), None]),
        ("day", pa.array(["2024-01-01 00:00:00.000000000", None], pa.large_string()), [datetime(2024, 1, 1), None]),
        ("day", pa.array([date(2024, 1, 1), None]), [datetime(2024, 1, 1), None]),
        ("day", pa.array([date(2024, 1, 1), None], pa.date64()), [datetime(2024, 1, 1), None]),
    ],
)
def test_a_column_is_read_in_every_stored_type_that_can_hold_its_kind(tmp_path, name, stored, expected):
    found = read_folder(write(tmp_path, a=table(**{name: stored})), COLUMNS)[name]
    assert [None if pd.isna(value) else value for value in found.tolist()] == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bills", [1.0, 2.5]),
        ("bills", [Decimal("1.5"), None]),
        ("usage", [2**53 + 1, 0]),
        ("bills", pa.array([2**63, 0], pa.uint64())),
    ],
)
def test_a_value_that_its_kind_cannot_hold_is_named_with_its_column(tmp_path, name, values):
    message = refusal(write(tmp_path, a=table(**{name: values})))
    assert f"a.parquet, column {name}: cannot be read as {COLUMNS[name]} without losing digits" in message


def test_a_text_that_is_no_time_is_named_with_its_row_and_not_shown(tmp_path):
    message = refusal(write(tmp_path, a=table(day=pa.array(["2024-01-01", "secret"]))))
    assert "a.parquet, row 2, column day: expected timestamp or an empty cell, found other text" in message
    assert "secret" not in message


def test_two_columns_of_one_name_are_refused(tmp_path):
    twice = pa.Table.from_arrays([*table().columns, table()["usage"]], names=[*table().column_names, "usage"])
    assert "more than one column 'usage'" in refusal(write(tmp_path, a=twice))


@pytest.mark.parametrize("name", ["b.csv.gz", "b.parquet.zip", "notes.txt", "b.xlsx"])
def test_a_file_that_is_not_read_is_refused_by_name(tmp_path, name):
    (write(tmp_path, a=table()) / name).write_bytes(b"x")
    assert f"has what is not read: {name}" in refusal(tmp_path)


def test_a_subfolder_is_refused_by_name(tmp_path):
    write(write(tmp_path, a=table()) / "year=2024", b=table())
    assert "has what is not read: year=2024" in refusal(tmp_path)


def test_what_spark_leaves_beside_its_tables_may_stay(tmp_path):
    for name in ("_SUCCESS", "._SUCCESS.crc", ".a.parquet.crc", "_committed_17"):
        (write(tmp_path, a=table()) / name).write_bytes(b"")
    assert len(read_folder(tmp_path, COLUMNS)) == 2


def test_too_little_memory_is_not_taken_for_a_damaged_file(tmp_path):
    with pytest.raises(MemoryError), readable(tmp_path / "a.parquet"):
        raise pa.ArrowMemoryError("malloc of size 64 failed")


def test_a_suffix_in_capitals_is_read(tmp_path):
    (write(tmp_path, a=table()) / "a.parquet").rename(tmp_path / "A.PARQUET")
    assert len(read_folder(tmp_path, COLUMNS)) == 2
