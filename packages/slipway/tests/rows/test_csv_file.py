"""CSV files of a folder are read as Parquet files are, or refused by file, row and column."""

import pandas as pd
import pytest
from folderbox import COLUMNS, refusal, table, write

from slipway.rows.folder import read_folder

CSV = "day,plan,bills,usage,paperless\n2024-01-01,basic,3,0.5,True\n,,4.0,,false\n"


@pytest.mark.parametrize(
    "content",
    [
        CSV.encode(),
        CSV.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("True", "TRUE").encode(),
    ],
    ids=["plain", "crlf", "byte-order-mark", "excel"],
)
def test_a_csv_file_is_read_with_the_declared_types(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    frame = read_folder(tmp_path, COLUMNS)
    parquet = read_folder(write(tmp_path / "other", a=table()), COLUMNS)
    pd.testing.assert_frame_equal(frame, parquet)


@pytest.mark.parametrize("kind", ["timestamp", "instant"])
def test_times_with_a_zone_are_read_in_utc(tmp_path, kind):
    (tmp_path / "a.csv").write_text('day\n2024-01-01T02:00:00+02:00\n""\n2024-01-01 00:00:00Z\n')
    midnight = pd.Timestamp("2024-01-01", tz="UTC")
    assert read_folder(tmp_path, {"day": kind})["day"].dropna().tolist() == [midnight, midnight]


def test_csv_and_parquet_files_are_one_table(tmp_path):
    (tmp_path / "b.csv").write_text(CSV)
    assert read_folder(write(tmp_path, a=table()), COLUMNS)["bills"].tolist() == [3, 4, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.5", "0,5", "Expected 5 columns, got 6"),
        ("0.5", '"0,5"', "row 1, column usage: expected number or an empty cell, found other text in 1 of 2 rows"),
        ("4.0", "4.5", "row 2, column bills: expected integer"),
        ("True", "yes", "row 1, column paperless: expected boolean"),
        ("2024-01-01", "01.02.2024", "row 1, column day: expected timestamp"),
        (",", ";", "Separate the cells by commas."),
        ("basic", "caf\udce9", "invalid UTF8"),
    ],
)
def test_a_cell_of_a_csv_file_that_cannot_be_read_is_named(tmp_path, old, new, said):
    (tmp_path / "a.csv").write_text(CSV.replace(old, new), errors="surrogateescape")
    assert said in refusal(tmp_path)
