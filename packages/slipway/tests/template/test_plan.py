"""What `slipway new` finds in a table, guesses, and refuses to guess."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from newtables import customers, patients, payments, sales, wines

from slipway.errors import DataError, SettingsError
from slipway.monitoring.rules import DEFAULTS, parse_rules
from slipway.problem import Task
from slipway.template.field_names import name_fields
from slipway.template.plan import plan_problem
from slipway.template.render import render_files
from slipway.template.request import NewProblem, verify_free_name, verify_package_name


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


def test_many_rows_with_few_of_a_class_get_a_linear_model():
    frame = payments(20_000)
    position = np.arange(20_000)
    assert plan(frame.assign(fraud=(position < 400).astype(int)), "fraud", group="account").linear
    trees = plan(frame.assign(fraud=(position < 600).astype(int)), "fraud", group="account")
    params = render_files(trees)["params.yaml"]
    assert not trees.linear and "max_iter: 100\n" in params and "max_leaf_nodes: 6\n" in params


def test_a_number_with_times_is_split_by_days():
    found = plan(sales(), "revenue", time="sold_at")
    assert (found.task, found.group_by_day, found.linear) == (Task.REGRESSION, True, False)
    assert found.groups == 200 and fields_of(found)["sold_at"].clocks == ("minute", "weekday")
    assert "import_value" in fields_of(found)
    assert (found.split_by_time, found.holdout) == (True, 0.3)
    assert any("the newest 30% of the rows by sold_at are held out" in each for each in found.guesses)


def test_rows_of_any_time_are_held_out_where_the_newest_belong_to_older_groups_or_lack_a_class():
    found = plan(payments(), "fraud", group="account", time="at")
    assert not found.split_by_time
    assert any("rows of any time are held out" in each for each in found.guesses)
    grapes = wines().assign(at=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(500), unit="h"))
    assert plan(grapes, "grape", time="at").split_by_time
    last = grapes["grape"].mask(np.arange(500) > 250, "barolo")
    assert not plan(grapes.assign(grape=last), "grape", time="at").split_by_time
    assert not plan(wines(), "grape").split_by_time


def test_a_rare_class_has_its_share_as_threshold_and_its_groups():
    found = plan(payments(), "fraud", group="account", time="at", key="payment_id")
    assert (found.positive, found.groups) == (1, payments()["account"].nunique())
    assert found.threshold == pytest.approx(payments()["fraud"].mean(), abs=0.006)
    assert set(fields_of(found)) == {"at", "amount", "attempts"} and fields_of(found)["at"].kind == "instant"


def test_classes_that_gaps_made_floats_are_whole_numbers():
    found = plan(wines().assign(grape=[0.0, 1.0, None, 1.0, 0.0] * 100), "grape")
    assert (found.task, found.classes, found.positive, found.without_target) == (Task.BINARY, (0, 1), 1, 100)
    found = plan(wines().assign(grape=[0.0, 1.0, None, 1.0, 2.0] * 100), "grape")
    assert (found.task, found.classes, found.kinds["grape"]) == (Task.MULTICLASS, (0, 1, 2), "integer")
    assert plan(wines().assign(grape=[0.0, 1.5] * 250), "grape", positive="1.5").positive == 1.5


def test_a_column_that_no_contract_can_have_is_named():
    found = plan(wines().assign(tags=[["a"]] * 500, raw=b"x", took=pd.Timedelta("1s")), "grape")
    assert {each.column: each.reason.split(";")[0] for each in found.left_out} == {
        "tags": "of type list<item: string>",
        "raw": "of type binary",
        "took": "of type duration[us]",
    }


def test_whole_numbers_that_the_model_cannot_tell_apart_are_no_input():
    numbers = {"account": 2**40 + np.arange(500), "few": 2**61 * (1 + np.arange(500) % 2)}
    found = plan(wines().assign(**numbers), "grape")
    assert [(each.column, each.reason) for each in found.left_out] == [
        ("account", "an identifier, or a time as a number: its 500 values are 1 in float32"),
    ]
    assert (fields_of(found)["few"].low, fields_of(found)["few"].high) == (0, None)
    assert "few: Annotated[int, Meta(ge=0, description=" in render_files(found)["src/ours/contract.py"]


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__", "rowId", "order_no"])
def test_an_index_that_was_written_along_is_no_input(name):
    found = plan(wines().assign(**{name: np.arange(500)}), "grape")
    assert [each.column for each in found.left_out] == [name]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1.5", "2.5", "3.5"] * 166 + ["n/k"] * 2, "2 of 500 values are not numbers, such as 'n/k'"),
        (["1,5", "-2,25"] * 250, "numbers with a comma, such as '1,5'"),
        (["31.12.2024", "1/2/24 10:00"] * 250, "dates or times, such as '31.12.2024'"),
        (["€ 1.50", "12 %", "3,000 USD", "7.5%"] * 125, "numbers with a sign or unit, such as '€ 1.50'"),
    ],
)
def test_text_that_is_meant_as_numbers_or_dates_is_named(cells, said):
    assert said in "".join(plan(wines().assign(x=cells), "grape").guesses)
    assert not [each for each in plan(wines().assign(x=["01", "2a"] * 250), "grape").guesses if "read as text" in each]


def test_classes_that_differ_in_case_or_blanks_are_named():
    guesses = plan(wines().assign(grape=["Yes", "yes ", "no", "NO"] * 125), "grape").guesses
    assert "grape may have one class in several spellings: 'NO', 'no'; write it in one way" in guesses
    assert "grape may have one class in several spellings: 'Yes', 'yes '; write it in one way" in guesses


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
        ({}, {"target": "grap"}, "no such column. Did you mean grape"),
        ({}, {"target": "grape", "task": Task.BINARY}, "3 classes"),
        ({}, {"target": "grape", "task": Task.REGRESSION}, "is text"),
        ({}, {"target": "grape", "drop": ("grape",)}, "--target and --drop name the same column"),
        ({}, {"target": "grape", "group": "grape"}, "--group and --target name the same column"),
        ({}, {"target": "grape", "group": "acid", "drop": ("acid",)}, "--group and --drop name the same column"),
        ({}, {"target": "grape", "time": "acid"}, "expected a column of times"),
        ({"grape": ["red", "white"] * 250}, {"target": "grape"}, "--positive"),
        ({"grape": ["red", "white"] * 250}, {"target": "grape", "positive": "green"}, "'red' and 'white'"),
        ({}, {"target": "grape", "positive": "barolo"}, "expected two classes, but the task is multiclass"),
        ({"at": pd.Timestamp("2024-01-01")}, {"target": "at", "task": Task.MULTICLASS}, "The target at is a time"),
        ({"grape": None}, {"target": "grape"}, "missing in all 500 rows"),
        ({"acid": 1, "alcohol": 2}, {"target": "grape"}, "No column is left that could be an input. alcohol: constant"),
        ({"acid": np.inf, "alcohol": -np.inf}, {"target": "grape"}, r"alcohol \(500 rows\), acid \(500 rows\)"),
        ({"acid": 1e300}, {"target": "grape"}, r"beyond the 3.4e\+38 of float32, in acid \(500 rows\)"),
        ({"grape": "barolo"}, {"target": "grape"}, "The target grape is constant: 'barolo' in every row"),
        (
            {"grape": [f"g{number}" for number in range(500)]},
            {"target": "grape"},
            "500 of them with fewer than 10 rows",
        ),
        ({"grape": [[1]] * 500}, {"target": "grape"}, "--target grape: expected numbers, text"),
        ({"key": [1, 1, *range(2, 499), None]}, {"target": "grape", "key": "key"}, "1 rows without one and 1 with"),
        ({"store": np.arange(500) % 40}, {"target": "grape", "group": "store"}, "40 values of --group store"),
        ({"day": "31.12.2024"}, {"target": "grape", "time": "day"}, "such as '31.12.2024'. Write times as"),
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
        "été": "ete",
        "%": "column",
        "MonthlyCharges": "monthly_charges",
    }


def test_no_field_takes_a_name_that_the_generated_files_use():
    columns = ["float", "datetime", "at_minute", "at", "é!", "e"]
    assert name_fields(columns, times=["at", "datetime"]) == {
        "float": "float_value",
        "datetime": "datetime_value",
        "at_minute": "at_minute",
        "at": "at_2",
        "é!": "e",
        "e": "e_2",
    }


@pytest.mark.parametrize("name", ["json", "numpy", "pipeline", "sklearn"])
def test_a_package_does_not_hide_a_module_that_is_installed(name):
    with pytest.raises(SettingsError, match="is installed"):
        verify_free_name(name)


@pytest.mark.parametrize("name", ["Churn", "a", "class", "slipway", "1st", "a-b", ""])
def test_a_package_has_a_name_of_python(name):
    with pytest.raises(SettingsError, match="expected a Python package"):
        verify_package_name(name)


def test_a_class_of_few_rows_among_many_is_measured():
    rng = np.random.default_rng(6)
    rare = np.arange(60_000) % 5_000 == 0
    table = pd.DataFrame({"x": rng.normal(size=60_000) + 9 * rare, "y": rare})
    found = plan(table, "y")
    assert found.linear and found.strongest > 0.9 and [each.column for each in found.suspects] == ["x"]


def test_monitor_yaml_has_windows_for_the_rows_that_come_a_day():
    """Twenty rows a day are judged by outcomes and by pauses; where no time is known the guess says what to type."""
    sparse = render_files(plan(sales(4000), "revenue", time="sold_at"))["monitor.yaml"]
    rules = parse_rules(sparse.encode())
    assert rules.rules["skill"].window == "1000 outcomes" and "# suggested: 1,000 outcomes take 5" in sparse
    assert "SLIPWAY_LOG_DAYS=76" in sparse
    dense = plan(sales(200_000), "revenue", time="sold_at")
    assert "998.1 rows a day" in dense.guesses[-1]
    assert parse_rules(render_files(dense)["monitor.yaml"].encode()).rules == DEFAULTS
    assert "slipway monitor suggest --rows-per-day N" in plan(wines(), "grape").guesses[-1]
