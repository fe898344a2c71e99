"""Tables as people have them: what is read as which type, and what is refused."""

import pandas as pd
import pytest
from newtables import wines

from slipway.errors import DataError
from slipway.template.source_table import read_source_table


def test_a_csv_with_semicolons_and_a_folder_of_files_are_read(tmp_path):
    wines().to_csv(tmp_path / "one.csv", sep=";", index=False, encoding="utf-8-sig")
    wines().to_csv(tmp_path / "two.csv", index=False)
    found = read_source_table(tmp_path)
    assert found.column_names == ["alcohol", "acid", "grape"] and found.num_rows == 1000


def test_a_cell_of_a_csv_file_loses_nothing(tmp_path):
    rows = 2000
    table = pd.DataFrame(
        {
            "late": ["1"] * (rows - 1) + ["1.5"],
            "zip": [f"0{number:04}" for number in range(rows)],
            "long": [f"1234567890123456789{number:04}" for number in range(rows)],
            "country": ["NA", "DE"] * (rows // 2),
            "age": ["NA", " 31"] * (rows // 2),
            "paid": ["TRUE", "false"] * (rows // 2),
            "at": ["2024-05-01T10:00:00+02:00", "2024-05-01"] * (rows // 2),
            "note": ['a "b"\nc; d', ""] * (rows // 2),
        }
    )
    table.to_csv(tmp_path / "one.csv", index=False)
    found = read_source_table(tmp_path / "one.csv")
    kinds = {name: str(found.schema.field(name).type) for name in found.column_names}
    assert kinds == {
        **{"late": "double", "zip": "string", "long": "string", "country": "string", "age": "int64"},
        **{"paid": "bool", "at": "string", "note": "string"},
    }
    first = {**table.iloc[0], "late": 1.0, "age": None, "paid": True}
    assert found.slice(0, 1).to_pylist() == [first]
    assert found["note"].null_count == rows // 2 and found["country"].null_count == 0


def test_a_type_is_found_from_every_file_of_a_folder(tmp_path):
    first = pd.DataFrame({"code": ["10", "11"], "price": ["1", "2"], "note": [None, None], "y": ["a", "b"]})
    first.to_csv(tmp_path / "one.csv", index=False)
    second = first.assign(code=["01", "x"], price=["1.5", None], note="fine")
    second[second.columns[::-1]].to_csv(tmp_path / "two.csv", index=False)
    found = read_source_table(tmp_path)
    assert found["code"].to_pylist() == ["10", "11", "01", "x"] and found["price"].to_pylist() == [1, 2, 1.5, None]
    assert found["note"].to_pylist() == [None, None, "fine", "fine"]


def test_a_column_without_values_in_one_parquet_file_has_the_type_of_the_other(tmp_path):
    wines(4).assign(acid=None, empty=None).to_parquet(tmp_path / "one.parquet")
    wines(4).assign(empty=None).to_parquet(tmp_path / "two.parquet")
    found = read_source_table(tmp_path)
    assert found["acid"].null_count == 4 and found.schema.field("acid").type == "double"
    assert found.schema.field("empty").type == "string"
    wines(4).assign(acid="sour", empty=None).to_parquet(tmp_path / "two.parquet")
    wines(4).assign(empty=None).to_parquet(tmp_path / "one.parquet")
    with pytest.raises(DataError, match=r"acid.*Write a column with one type"):
        read_source_table(tmp_path)


def test_files_of_other_columns_are_refused(tmp_path):
    wines().to_parquet(tmp_path / "one.parquet")
    wines().drop(columns="acid").to_parquet(tmp_path / "two.parquet")
    with pytest.raises(DataError, match="acid only in one"):
        read_source_table(tmp_path)
    with pytest.raises(DataError, match=r"its name ends in \.xlsx\. Expected a \.parquet or \.csv file"):
        read_source_table(tmp_path / "one.xlsx")
