"""A contract is read into fields, with everything that it declares of them."""

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
    code = only(Annotated[str, Meta(min_length=2, max_length=3)])
    assert (code.min_length, code.max_length) == (2, 3)
    assert only(Annotated[int, Meta(multiple_of=5)] | None).multiple_of == 5
    assert only(Annotated[datetime, Meta(tz=True)]).zoned


@pytest.mark.parametrize("kind", [list[int], dict[str, int], bytes, int | str, Literal[1, 2]])
def test_a_type_that_no_column_can_have_is_refused_by_its_field(kind):
    with pytest.raises(ProblemError, match="'value'"):
        read_contract(struct(value=kind))


def test_a_timestamp_must_be_with_or_without_a_time_zone():
    with pytest.raises(ProblemError, match=r"'value'.*with and without a time zone"):
        read_contract(struct(value=datetime))


def test_a_contract_that_accepts_unknown_fields_is_refused():
    loose = msgspec.defstruct("Loose", [("value", int)])
    with pytest.raises(ProblemError, match="forbid_unknown_fields=True"):
        read_contract(loose)


def test_a_name_that_is_reserved_for_the_dataset_is_refused():
    with pytest.raises(ProblemError, match=r"'target'.*reserved"):
        read_contract(struct(target=int))


@pytest.mark.parametrize("step", [0.01, 0.1, 1 / 3])
def test_a_step_without_an_exact_binary_form_is_refused_but_read_in_old_bundles(step):
    """msgspec refuses 0.07 as a multiple of 0.01, so the service would refuse most values."""
    contract = msgspec.defstruct(
        "Price", [("cents", Annotated[float, Meta(multiple_of=step)])], forbid_unknown_fields=True
    )
    with pytest.raises(ProblemError, match=r"'cents': multiple_of=.* has no exact binary form"):
        read_contract(contract)
    assert read_contract(contract, sealed=True)[0].multiple_of == step


@pytest.mark.parametrize("step", [0.25, 5, 1e3])
def test_a_step_with_an_exact_binary_form_is_taken(step):
    contract = msgspec.defstruct(
        "Price", [("cents", Annotated[float, Meta(multiple_of=step)])], forbid_unknown_fields=True
    )
    assert read_contract(contract)[0].multiple_of == step
