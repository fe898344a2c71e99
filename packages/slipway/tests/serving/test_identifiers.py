"""Identifiers in a row are numbers in a row, whatever their last digits are."""

from uuid import UUID

import pytest

from slipway.serving.identifiers import format_identifier, format_identifiers, new_identifier


@pytest.mark.parametrize("last", [0, 0xFFE, 0xFFF, 0xFFFF_FFFF_FFFE])
@pytest.mark.parametrize("number", [1, 2, 3, 100, 9000])
def test_identifiers_in_a_row_are_those_written_one_by_one(last, number):
    first = new_identifier() >> 48 << 48 | last
    found = format_identifiers(first, number)
    assert found == [format_identifier(first + offset) for offset in range(number)]
    assert [UUID(each).int for each in found] == [*range(first, first + number)]
