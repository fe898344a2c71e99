"""A contract is read once and says everything that the rest must know."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from slipway.contract import Kind, read_contract
from slipway.errors import ProblemError


def struct(**fields):
    return msgspec.defstruct("Row", list(fields.items()), forbid_unknown_fields=True, kw_only=True)


def only(kind):
    return read_contract(struct(value=kind))[0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (float, Kind.NUMBER),
        (int, Kind.INTEGER),
        (bool, Kind.BOOLEAN),
        (str, Kind.CATEGORY),
        (Literal["a", "b"], Kind.CATEGORY),
        (Annotated[datetime, Meta(tz=False)], Kind.TIMESTAMP),
    ],
)
def test_every_plain_type_is_a_kind(kind, expected):
    assert only(kind).kind is expected
    assert not only(kind).nullable
    assert only(kind | None).nullable


def test_bounds_categories_pattern_unit_and_description_are_read_through_none():
    speed = Annotated[float, Meta(ge=0, lt=300, description="Wind", extra_json_schema={"unit": "mph"})]
    found = only(speed | None)
    assert (found.ge, found.lt, found.unit, found.description) == (0, 300, "mph", "Wind")
    assert only(Literal["b", "a"]).categories == ("a", "b")
    assert only(Annotated[str, Meta(pattern="^x$")]).pattern == "^x$"
    assert only(Annotated[datetime, Meta(tz=True)]).zoned


@pytest.mark.parametrize("kind", [list[int], dict[str, int], bytes, int | str, Literal[1, 2]])
def test_what_is_no_column_is_refused_with_its_name(kind):
    with pytest.raises(ProblemError, match="'value'"):
        read_contract(struct(value=kind))


def test_a_timestamp_must_say_whether_it_has_a_time_zone():
    with pytest.raises(ProblemError, match=r"'value'.*with and without a time zone"):
        read_contract(struct(value=datetime))


def test_a_contract_that_lets_unknown_fields_pass_is_refused():
    loose = msgspec.defstruct("Loose", [("value", int)])
    with pytest.raises(ProblemError, match="forbid_unknown_fields=True"):
        read_contract(loose)


def test_a_name_that_the_dataset_needs_is_refused():
    with pytest.raises(ProblemError, match=r"'target'.*reserved"):
        read_contract(struct(target=int))
