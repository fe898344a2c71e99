"""What `slipway new` finds in a table, guesses, and refuses to guess."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from newtables import customers, patients, payments, sales, wines

from slipway.errors import DataError, SettingsError
from slipway.problem import Task
from slipway.template.plan import plan_problem
from slipway.template.request import NewProblem, name_fields, verify_package_name
from slipway.template.source_table import read_source_table


def plan(table, target, **roles):
    return plan_problem(
        pa.Table.from_pandas(table, preserve_index=False), NewProblem(name="ours", target=target, **roles)
    )


def fields_of(found):
    return {each.field: each for each in found.inputs}


def test_two_classes_of_text_with_gaps_identifiers_and_constants():
    found = plan(customers(), "Churn")
    assert (found.task, found.positive, found.classes) == (Task.BINARY, "Yes", ("No", "Yes"))
    assert (found.rows, found.without_target) == (1999, 1)
    assert list(fields_of(found)) == [
        *("tenure", "monthly_charges", "payment", "contract", "class_value", "closed_at"),
    ]
    assert [each.column for each in found.left_out] == ["customerID", "country", "notes"]
    payment = fields_of(found)["payment"]
    assert payment.nullable and payment.categories == ('bank "auto"', "card", "check, mailed")
    assert [(each.column, each.strength) for each in found.suspects] == [("closed at", pytest.approx(1))]


def test_a_dropped_column_is_no_input_and_no_suspect():
    found = plan(customers(), "Churn", drop=("closed at",))
    assert "closed_at" not in fields_of(found) and not found.suspects and "closed at" not in found.kinds


def test_three_classes_of_few_rows_get_a_linear_model():
    found = plan(wines(), "grape")
    assert (found.task, found.positive, found.linear, len(found.classes)) == (Task.MULTICLASS, None, True, 3)


def test_a_number_with_times_is_split_by_days():
    found = plan(sales(), "revenue", time="sold_at")
    assert (found.task, found.group_by_day, found.linear) == (Task.REGRESSION, True, False)
    assert found.groups == 200 and fields_of(found)["sold_at"].clocks == ("minute", "weekday")
    assert "import_value" in fields_of(found)


def test_a_rare_class_has_its_share_as_threshold_and_its_groups():
    found = plan(payments(), "fraud", group="account", time="at", key="payment_id")
    assert (found.positive, found.groups) == (1, payments()["account"].nunique())
    assert found.threshold == pytest.approx(payments()["fraud"].mean(), abs=0.006)
    assert set(fields_of(found)) == {"at", "amount", "attempts"} and fields_of(found)["at"].kind == "instant"


def test_truth_values_need_no_positive_class():
    found = plan(patients(), "outcome")
    assert (found.task, found.positive) == (Task.BINARY, True) and "column_2h_insulin" in fields_of(found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.2, 0.9, (0, 1)), (0, 71, (0, 1000)), (-5, 30, (-500, 500)), (3, 3.5, (0, 10)), (-9, -1, (-100, 0))],
)
def test_ranges_are_round_and_wider_than_seen(low, high, expected):
    table = pd.DataFrame({"x": np.linspace(low, high, 200), "y": np.arange(200) % 2 == 0})
    found = fields_of(plan(table, "y"))["x"]
    assert (found.low, found.high) == expected


@pytest.mark.parametrize(
    ("change", "roles", "said"),
    [
        ({}, {"target": "grap"}, "no such column"),
        ({}, {"target": "grape", "task": Task.BINARY}, "3 classes"),
        ({}, {"target": "grape", "task": Task.REGRESSION}, "is text"),
        ({}, {"target": "grape", "drop": ("grape",)}, "no other role"),
        ({}, {"target": "grape", "time": "acid"}, "expected a column of times"),
        ({"grape": ["red", "white"] * 250}, {"target": "grape"}, "--positive"),
        ({"grape": ["red", "white"] * 250}, {"target": "grape", "positive": "green"}, "red, white"),
        ({"grape": None}, {"target": "grape"}, "missing in all 500 rows"),
        ({"acid": 1, "alcohol": 2}, {"target": "grape"}, "No column is left"),
        ({"store": [None, "a"] * 250}, {"target": "grape", "group": "store"}, "250 rows have no group"),
    ],
)
def test_what_cannot_be_planned_is_said(change, roles, said):
    with pytest.raises((SettingsError, DataError), match=said):
        plan(wines().assign(**change), **roles)


def test_names_of_fields_are_python_names_and_none_is_taken_twice():
    assert name_fields(["A b", "a_b", "target", "class", "3D", "été", "%", "MonthlyCharges"]) == {
        "A b": "a_b",
        "a_b": "a_b_2",
        "target": "target_value",
        "class": "class_value",
        "3D": "column_3_d",
        "été": "t",
        "%": "column",
        "MonthlyCharges": "monthly_charges",
    }


@pytest.mark.parametrize("name", ["Churn", "a", "class", "slipway", "1st", "a-b", ""])
def test_a_package_has_a_name_of_python(name):
    with pytest.raises(SettingsError, match="expected a Python package"):
        verify_package_name(name)


def test_a_csv_with_semicolons_and_a_folder_of_files_are_read(tmp_path):
    wines().to_csv(tmp_path / "one.csv", sep=";", index=False, encoding="utf-8-sig")
    wines().to_csv(tmp_path / "two.csv", index=False)
    found = read_source_table(tmp_path)
    assert found.column_names == ["alcohol", "acid", "grape"] and found.num_rows == 1000


def test_files_of_other_columns_are_refused(tmp_path):
    wines().to_parquet(tmp_path / "one.parquet")
    wines().drop(columns="acid").to_parquet(tmp_path / "two.parquet")
    with pytest.raises(DataError, match="acid only in one"):
        read_source_table(tmp_path)
    with pytest.raises(DataError, match=r"expected a name that ends in \.parquet or \.csv"):
        read_source_table(tmp_path / "one.xlsx")
