"""The rules that are derived from a contract and a task."""

from typing import Annotated, Literal

import msgspec
import pytest
from churn.problem import PROBLEM as CHURN
from crops.problem import PROBLEM as CROPS
from msgspec import Meta
from rents.problem import PROBLEM as RENTS

from slipway.data.validation import suite


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    share: Annotated[float, Meta(gt=0, lt=1, description="Part", extra_json_schema={"unit": "1"})]
    count: Annotated[int, Meta(ge=0, le=9)] | None = None
    code: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    colour: Literal["red", "green"]


def rules(problem, present=()):
    view = suite.dataset_view(problem, present)
    return {(rule.kwargs.get("column"), rule.type): rule for rule in view.expectations}


@pytest.fixture
def row_rules():
    return rules(msgspec.structs.replace(CHURN, contract=Row))


def test_every_field_has_to_exist_and_to_be_of_its_kind(row_rules):
    kinds = {"share": "number", "count": "integer", "code": "category", "colour": "category"}
    for column, kind in kinds.items():
        assert (column, suite.EXISTS) in row_rules
        assert row_rules[column, suite.OF_KIND].kwargs["kind"] == kind


def test_only_a_nullable_field_may_be_missing(row_rules):
    assert ("share", suite.NOT_NULL) in row_rules
    assert ("count", suite.NOT_NULL) not in row_rules


def test_strict_bounds_stay_strict(row_rules):
    assert row_rules["share", suite.BETWEEN].kwargs == {
        "column": "share",
        "min_value": 0,
        "max_value": 1,
        "strict_min": True,
        "strict_max": True,
    }
    assert row_rules["count", suite.BETWEEN].kwargs == {"column": "count", "min_value": 0, "max_value": 9}


def test_one_bound_is_enough():
    assert rules(CHURN)["usage", suite.BETWEEN].kwargs == {"column": "usage", "min_value": 0}


def test_closed_categories_and_patterns_are_rules(row_rules):
    assert sorted(row_rules["colour", suite.IN_SET].kwargs["value_set"]) == ["green", "red"]
    assert row_rules["code", suite.REGEX].kwargs["regex"] == "^[A-Z]{3}$"
    assert ("code", suite.IN_SET) not in row_rules


def test_the_reason_has_description_and_unit(row_rules):
    assert row_rules["share", suite.BETWEEN].why == "contract: Part [1]"


def test_optional_columns_are_allowed_and_have_rules_only_if_present():
    bare, full = rules(CHURN), rules(CHURN, ["group", "time", "key"])
    assert "key" not in bare[None, suite.COLUMNS].kwargs["column_set"]
    assert {"group", "time", "key", "target"} <= set(full[None, suite.COLUMNS].kwargs["column_set"])
    assert ("key", suite.UNIQUE) in full
    assert ("key", suite.UNIQUE) not in bare


@pytest.mark.parametrize(
    ("problem", "bounds"),
    [
        (CHURN, {"min_value": 2, "max_value": 2}),
        (CROPS, {"min_value": 2}),
        (RENTS, {"min_value": 2}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_task_bounds_the_number_of_values_of_a_target(problem, bounds):
    assert rules(problem)["target", suite.DISTINCT].kwargs == {"column": "target", **bounds}


def test_only_a_regression_target_must_be_a_number():
    assert rules(RENTS)["target", suite.OF_KIND].kwargs["kind"] == "number"
    assert ("target", suite.OF_KIND) not in rules(CROPS)
