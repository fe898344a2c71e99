"""Numbers, integers, truth values, text and timestamps are recognised in every type in which pandas stores them."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from slipway.contract import Kind
from slipway.data.validation.kinds import conforms_to_kind

MOMENT = datetime(2024, 5, 6)

GOOD = {
    Kind.NUMBER: [
        pd.Series([1.5, -2.0]),
        pd.Series([1.5], dtype="float32"),
        pd.Series([1, 2]),
        pd.Series([1, 2], dtype="Int64"),
        pd.Series([1.5, 2], dtype=object),
    ],
    Kind.INTEGER: [
        pd.Series([1, 2]),
        pd.Series([1.0, 2.0]),
        pd.Series([1], dtype="Int64"),
        pd.Series([1, 2.0, np.int8(3)], dtype=object),
    ],
    Kind.BOOLEAN: [
        pd.Series([True, False]),
        pd.Series([True], dtype="boolean"),
        pd.Series([True, np.bool_(False)], dtype=object),
    ],
    Kind.CATEGORY: [
        pd.Series(["a"]),
        pd.Series(["a"], dtype="string"),
        pd.Series(["a"], dtype=object),
        pd.Series(["a"], dtype="category"),
    ],
    Kind.TIMESTAMP: [
        pd.Series([MOMENT]),
        pd.Series([pd.Timestamp(MOMENT, tz="UTC")]),
        pd.Series([MOMENT], dtype=object),
    ],
}
BAD = {
    Kind.NUMBER: [np.inf, -np.inf, True, "1", MOMENT],
    Kind.INTEGER: [1.5, np.inf, True, "1"],
    Kind.BOOLEAN: [1, 0.0, "true"],
    Kind.CATEGORY: [1, True, MOMENT],
    Kind.TIMESTAMP: ["2024-05-06", 1, date(2024, 5, 6)],
}


@pytest.mark.parametrize(("kind", "column"), [(kind, column) for kind in GOOD for column in GOOD[kind]])
def test_a_column_of_its_kind_conforms(kind, column):
    assert conforms_to_kind(column, kind).all()


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in BAD for value in BAD[kind]])
def test_a_column_of_another_kind_does_not(kind, value):
    assert not conforms_to_kind(pd.Series([value]), kind).any()
    assert not conforms_to_kind(pd.Series([value], dtype=object), kind).any()


def test_the_wrong_value_in_a_mixed_column_is_found():
    column = pd.Series([1, "n/a", 3.0], dtype=object, index=[4, 7, 9])
    assert conforms_to_kind(column, Kind.INTEGER).to_dict() == {4: True, 7: False, 9: True}


@pytest.mark.parametrize("zoned", [True, False])
def test_a_timestamp_has_a_time_zone_exactly_if_the_contract_requires_it(zoned):
    naive = pd.Series(pd.to_datetime(["2024-05-01 10:00"]))
    zone = naive.dt.tz_localize("America/New_York")
    for column, has_zone in ((naive, False), (zone, True)):
        for stored in (column, column.astype(object)):
            assert conforms_to_kind(stored, Kind.TIMESTAMP, zoned).all() == (has_zone == zoned)
            assert conforms_to_kind(stored, Kind.TIMESTAMP).all()
