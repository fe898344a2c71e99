"""A float stands for a whole number only while floats hold every whole number."""

import pytest

from slipway.columns import to_integer


@pytest.mark.parametrize("value", [7.0, -3.0, 2.0**53 - 1])
def test_a_whole_float_is_an_integer(value):
    assert type(to_integer(value)) is int
    assert to_integer(value) == value


@pytest.mark.parametrize("value", [7.5, 2.0**53, 1e300, True, "7.0", None])
def test_anything_else_stays_what_it_is(value):
    assert to_integer(value) is value
