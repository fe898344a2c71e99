"""Real Great Expectations on toy datasets: every kind of violation is found, with its rows."""

import importlib
import re
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import pytest
from churn.dataset import make
from churn.problem import PROBLEM
from rents.dataset import make as make_rents
from rents.problem import PROBLEM as RENTS

from slipway.data.validation import suite
from slipway.data.validation.validate import validate_dataset
from slipway.errors import DataError


@pytest.fixture(scope="module")
def broken(broken_rules):
    """One dataset with an error of every kind that can be had together."""
    frame = make(400)
    frame = frame.astype({"paperless": object, "target": object})
    frame.loc[[7, 8, 9, 10], "months"] = 700
    frame.loc[3, "usage"] = np.inf
    frame.loc[11, "plan"] = "gold"
    frame.loc[12, "town"] = "Ulm 2"
    frame.loc[13, "paperless"] = "yes"
    frame.loc[[20, 21], "key"] = 300
    frame.loc[30, "plan"] = None
    frame.loc[31, "target"] = None
    frame.loc[32, "group"] = None
    frame.loc[33, "time"] = pd.NaT
    frame["colour"] = "red"
    return broken_rules(validate_dataset(PROBLEM, frame))


@pytest.mark.parametrize("name", ["churn", "crops", "rents"])
def test_a_good_dataset_passes_for_every_task(name):
    frame = importlib.import_module(f"{name}.dataset").make(400)
    report = validate_dataset(importlib.import_module(f"{name}.problem").PROBLEM, frame)
    assert report.success
    assert report.rows == 400
    assert not [rule for view in report.views for rule in view.rules if rule.error]


def test_a_value_out_of_range_is_found_with_count_share_and_three_rows(broken):
    rule = broken["months", suite.BETWEEN]
    assert rule.expected == {"min_value": 0, "max_value": 600}
    assert rule.unexpected == 4
    assert rule.share == 0.01
    assert [example.row for example in rule.examples] == [7, 8, 9]
    assert rule.why == "contract: Bills so far"


def test_an_example_is_the_whole_row_with_the_broken_column_first(broken):
    values = broken["months", suite.BETWEEN].examples[0].values
    assert list(values)[:4] == ["months", "key", "group", "time"]
    assert values["months"] == 700
    assert values["key"] == 7
    assert set(values) == {*make(1).columns, "colour"}


@pytest.mark.parametrize(
    ("column", "rule", "row", "value"),
    [
        ("plan", suite.IN_SET, 11, "gold"),
        ("plan", suite.NOT_NULL, 30, None),
        ("town", suite.REGEX, 12, "Ulm 2"),
        ("usage", suite.OF_KIND, 3, "inf"),
        ("paperless", suite.OF_KIND, 13, "yes"),
        ("target", suite.NOT_NULL, 31, None),
        ("group", suite.NOT_NULL, 32, None),
        ("time", suite.NOT_NULL, 33, None),
    ],
)
def test_one_bad_value_is_found_where_it_is(broken, column, rule, row, value):
    found = broken[column, rule]
    assert found.unexpected == 1
    assert [(example.row, example.values[column]) for example in found.examples] == [(row, value)]


def test_rows_that_share_a_key_are_all_found(broken):
    rule = broken["key", suite.UNIQUE]
    assert rule.unexpected == 3
    assert [example.row for example in rule.examples] == [20, 21, 300]


def test_an_undeclared_column_is_named(broken):
    assert broken[None, suite.COLUMNS].observed == {"missing": [], "unexpected": ["colour"]}


def test_nothing_else_is_broken(broken):
    assert len([rule for _, rule in broken if rule != suite.ACCEPTED]) == 11


def test_a_missing_column_is_named(broken_rules):
    broken = broken_rules(validate_dataset(PROBLEM, make(400).drop(columns="months")))
    assert ("months", suite.EXISTS) in broken
    assert broken[None, suite.COLUMNS].observed == {"missing": ["months"], "unexpected": []}


def test_a_fraction_is_found_in_an_integer_column_that_missing_values_make_float(broken_rules):
    frame = make(400).astype({"months": float})
    frame.loc[5, "months"] = 2.5
    rule = broken_rules(validate_dataset(PROBLEM, frame))["months", suite.OF_KIND]
    assert [example.values["months"] for example in rule.examples] == [2.5]


def test_text_in_a_number_column_is_of_the_wrong_kind(broken_rules):
    rule = broken_rules(validate_dataset(PROBLEM, make(400).astype({"months": str})))["months", suite.OF_KIND]
    assert rule.unexpected == 400
    assert rule.share == 1


def test_a_target_with_one_class_shows_the_class(broken_rules):
    rule = broken_rules(validate_dataset(PROBLEM, make(400).assign(target=False)))["target", suite.DISTINCT]
    assert rule.observed == 1
    assert [example.values["target"] for example in rule.examples] == [False]


def test_a_binary_target_with_three_classes_shows_one_row_of_each(broken_rules):
    frame = make(400).assign(target=[index % 3 for index in range(400)])
    rule = broken_rules(validate_dataset(PROBLEM, frame))["target", suite.DISTINCT]
    assert [example.values["target"] for example in rule.examples] == [0, 1, 2]


def test_an_infinite_regression_target_is_found(broken_rules):
    frame = make_rents(400)
    frame.loc[9, "target"] = np.inf
    assert broken_rules(validate_dataset(RENTS, frame))["target", suite.OF_KIND].examples[0].row == 9


def test_a_strict_bound_refuses_the_bound_itself(broken_rules):
    crops = importlib.import_module("crops.problem").PROBLEM
    frame = importlib.import_module("crops.dataset").make(400)
    frame.loc[4, "acidity"] = 14.0
    assert broken_rules(validate_dataset(crops, frame))["acidity", suite.BETWEEN].examples[0].row == 4


def test_a_column_that_never_changes_is_found(broken_rules):
    rule = broken_rules(validate_dataset(PROBLEM, make(400).assign(months=7)))["months", suite.DISTINCT]
    assert rule.observed == 1


def test_a_column_that_is_all_missing_is_found_though_it_may_be_missing(broken_rules):
    frame = make(400).assign(usage=np.nan)
    assert ("usage", suite.DISTINCT) in broken_rules(validate_dataset(PROBLEM, frame))


def test_a_nullable_column_with_one_value_beside_missing_ones_passes():
    frame = make(400)
    frame["town"] = frame["town"].where(frame["town"].isna(), "ulm")
    assert validate_dataset(PROBLEM, frame).success


def test_a_dataset_without_group_time_and_key_passes():
    assert validate_dataset(PROBLEM, make(400).drop(columns=["group", "time", "key"])).success


def test_columns_in_other_storage_types_have_the_same_rules(broken_rules):
    frame = make(400).astype({"plan": "category", "town": "string", "months": "Int64", "usage": "float32"})
    assert validate_dataset(PROBLEM, frame).success
    frame.loc[[1, 2], "months"] = 601
    assert broken_rules(validate_dataset(PROBLEM, frame))["months", suite.BETWEEN].unexpected == 2


@pytest.mark.parametrize(
    ("convert", "named"),
    [
        (lambda usage: pd.cut(usage, 3), "usage (interval)"),
        (lambda usage: pd.to_timedelta(usage, unit="s"), "usage (timedelta)"),
        (lambda usage: pd.to_datetime(usage, unit="D").dt.to_period("M"), "usage (period)"),
        (lambda usage: usage.astype(np.longdouble), "usage (float128)"),
    ],
    ids=["interval", "timedelta", "period", "longdouble"],
)
def test_a_column_of_a_type_that_no_contract_has_is_named(convert, named):
    frame = make(60, seed=1)
    with pytest.raises(DataError, match=rf"Columns of other types: {re.escape(named)}\. Convert such a column"):
        validate_dataset(PROBLEM, frame.assign(usage=convert(frame["usage"])))


def test_rows_are_counted_from_0_whatever_the_index_says(broken_rules):
    frame = make(400)
    frame.loc[2, "months"] = -1
    frame.index = pd.Index([5] * 400)
    assert broken_rules(validate_dataset(PROBLEM, frame))["months", suite.BETWEEN].examples[0].row == 2


def test_a_pattern_with_groups_and_a_look_ahead_means_what_it_means_in_a_request(broken_rules):
    class Row(msgspec.Struct, forbid_unknown_fields=True):
        code: Annotated[str, msgspec.Meta(pattern=r"^(?!xx)(a|b|x)+$")]

    problem = msgspec.structs.replace(PROBLEM, contract=Row)
    frame = pd.DataFrame({"code": ["ab", "xxa", "xa", "abc"], "target": [0, 1, 0, 1]})
    rule = broken_rules(validate_dataset(problem, frame))["code", suite.REGEX]
    assert [example.values["code"] for example in rule.examples] == ["xxa", "abc"]
