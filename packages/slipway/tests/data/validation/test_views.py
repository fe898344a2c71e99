"""The problem's own expectations, each on a table computed from the dataset."""

import json

import msgspec
import pandas as pd
import pytest
from churn.dataset import make
from churn.problem import PROBLEM

from slipway.data.validation import suite
from slipway.data.validation.validate import validate_dataset
from slipway.errors import ProblemError
from slipway.problem import Expectation, View


def with_views(*views):
    return msgspec.structs.replace(PROBLEM, views=views)


def expecting(rule, **kwargs):
    return with_views(View("subscribers", lambda frame: frame, (Expectation(rule, kwargs, "because"),)))


def by_month(frame):
    return frame.set_index("time").resample("MS").agg(rows=("target", "size"), rate=("target", "mean"))


MONTHS = View(
    "months",
    by_month,
    (
        Expectation(suite.BETWEEN, {"column": "rows", "min_value": 1}, "no month is empty"),
        Expectation("expect_column_max_to_be_between", {"column": "rate", "max_value": 0.99}, "some stay"),
        Expectation("expect_table_row_count_to_be_between", {"min_value": 2}, "more than one month"),
    ),
)


def test_views_that_hold_are_reported_after_the_dataset():
    report = validate_dataset(with_views(MONTHS), make(600))
    assert report.success
    assert [(view.name, view.rows) for view in report.views] == [("dataset", 600), ("months", 2)]


def test_an_empty_month_is_found_and_named(broken_rules):
    frame = make(600)
    frame.loc[frame["time"].dt.month == 2, "time"] += pd.Timedelta(days=31)
    report = validate_dataset(with_views(MONTHS), frame)
    rule = broken_rules(report, "months")["rows", suite.BETWEEN]
    assert rule.unexpected == 1
    assert rule.examples[0].values["rows"] == 0
    assert rule.examples[0].values["time"] == "2024-02-01T00:00:00"
    assert rule.why == "no month is empty"


def test_a_rule_on_the_whole_view_shows_the_observed_value(broken_rules):
    mean = "expect_column_mean_to_be_between"
    report = validate_dataset(expecting(mean, column="target", max_value=0.01), make(600))
    rule = broken_rules(report, "subscribers")["target", mean]
    assert rule.observed == pytest.approx(make(600)["target"].mean(), rel=1e-5)
    assert rule.expected == {"max_value": 0.01}


def test_an_example_of_a_rule_on_two_columns_begins_with_both(broken_rules):
    rule = "expect_column_pair_values_a_to_be_greater_than_b"
    report = validate_dataset(expecting(rule, column_A="usage", column_B="months"), make(600))
    found = broken_rules(report, "subscribers")[None, rule]
    assert list(found.examples[0].values)[:3] == ["usage", "months", "key"]


def test_mostly_lets_some_rows_break_a_rule_and_still_counts_them():
    report = validate_dataset(expecting(suite.NOT_NULL, column="town", mostly=0.5), make(600))
    (rule,) = report.views[1].rules
    assert rule.passed
    assert rule.unexpected > 20


def test_an_observed_number_is_rounded_to_be_equal_on_every_processor():
    report = validate_dataset(expecting("expect_column_mean_to_be_between", column="usage", min_value=0), make(600))
    assert len(json.dumps(report.views[1].rules[0].observed)) <= len("0.123456")


def test_views_wait_for_a_dataset_whose_columns_are_right():
    report = validate_dataset(with_views(MONTHS), make(600).drop(columns="time").assign(months="many"))
    assert report.unchecked == ("months",)
    assert not report.success


def test_a_rule_that_does_not_exist_is_named_with_the_nearest():
    with pytest.raises(ProblemError, match=r"'subscribers'.*to_not_be_nul'.*Did you mean .*to_not_be_null\?"):
        validate_dataset(expecting("expect_column_values_to_not_be_nul", column="town"), make(50))


def test_an_argument_that_does_not_exist_is_named():
    with pytest.raises(ProblemError, match=r"'subscribers'.*minimum: extra fields not permitted"):
        validate_dataset(expecting(suite.BETWEEN, column="months", minimum=3), make(50))


@pytest.mark.parametrize(
    ("column", "bounds"), [("nope", {"min_value": 1}), ("months", {"min_value": 3, "max_value": 1})]
)
def test_a_rule_that_cannot_be_checked_is_the_problems_mistake(column, bounds):
    with pytest.raises(ProblemError, match=f"Cannot check .*'subscribers' on {column}"):
        validate_dataset(expecting(suite.BETWEEN, column=column, **bounds), make(50))


def test_a_view_that_cannot_be_computed_is_named():
    with pytest.raises(ProblemError, match=r"'broken'.*KeyError.*nope"):
        validate_dataset(with_views(View("broken", lambda frame: frame[["nope"]], ())), make(50))


def test_a_view_of_another_type_is_named():
    with pytest.raises(ProblemError, match=r"'series'.*found Series"):
        validate_dataset(with_views(View("series", lambda frame: frame["plan"], ())), make(50))


@pytest.mark.parametrize("names", [("dataset",), ("one", "one")])
def test_two_views_of_one_name_are_refused(names):
    views = [View(name, lambda frame: frame, ()) for name in names]
    with pytest.raises(ProblemError, match=f"more than one view named '{names[0]}'"):
        validate_dataset(with_views(*views), make(50))
