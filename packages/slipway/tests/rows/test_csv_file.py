"""CSV files of a folder are read as Parquet files are, or refused by file, row and column."""

import gzip

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


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01 02:00:00.500000 UTC",
        "2024-01-01 02:00:00.500 Z",
        "2024-01-01 04:00:00.500 +0200",
        "2023-12-31 18:00:00.500000000 -08:00",
    ],
)
def test_times_are_read_as_warehouses_write_them(tmp_path, written):
    (tmp_path / "a.csv").write_text(f"day\n{written}\n")
    assert read_folder(tmp_path, {"day": "instant"})["day"][0] == pd.Timestamp("2024-01-01 02:00:00.5", tz="UTC")


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
        ("basic", "caf\udce9", "invalid UTF8 data. Save it in UTF-8"),
        ("0.5", "NA", "expected number or an empty cell, found NA in 1 of 2 rows. Write missing values as empty"),
    ],
)
def test_a_cell_of_a_csv_file_that_cannot_be_read_is_named(tmp_path, old, new, said):
    (tmp_path / "a.csv").write_text(CSV.replace(old, new), errors="surrogateescape")
    assert said in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CSV.encode("utf-16"), "Save it in UTF-8"),
        (CSV.replace(",", ";").replace("0.5", "0,5").encode(), "Separate the cells by commas"),
        (gzip.compress(CSV.encode()), "It is packed by gzip: unpack it."),
        (b"PK\3\4" + b"workbook" * 9, "It is an Excel workbook or a zip archive"),
        (b"PAR1\x15" + b"\0" * 64, "rename it to .parquet"),
        (b"PK,PAR1\n1,2\n1,2,3\n", "write it again."),
        (b"PAR1,PK\n1,2\n1,2,3\n", "write it again."),
    ],
    ids=["utf-16", "decimal-comma", "gzip", "excel", "parquet", "a column PK", "a column PAR1"],
)
def test_a_file_of_another_format_is_recognised(tmp_path, content, said):
    (tmp_path / "a.csv").write_bytes(content)
    assert said in refusal(tmp_path)
