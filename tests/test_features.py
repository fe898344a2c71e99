"""The clock becomes numbers; everything else stays as it is."""

import numpy as np
import pytest

from flights.contract import Flight
from flights.features import derive
from slipway.columns import frame_to_columns
from slipway.contract import read_contract


@pytest.mark.parametrize(
    ("departure", "minute", "weekday"),
    [
        ("2013-01-01T00:00", 0.0, 1),
        ("2013-10-05T17:30", 1050.0, 5),
        ("2013-10-06T23:59", 1439.0, 6),
        ("2013-10-07T05:15:30", 315.5, 0),
        ("1969-12-31T06:00", 360.0, 2),
    ],
)
def test_minute_and_weekday_are_those_of_the_calendar(frame, departure, minute, weekday):
    columns = frame_to_columns(read_contract(Flight), frame.head(1))
    columns["scheduled_departure"] = np.array([departure], dtype="datetime64[us]")
    features = derive(columns)
    assert features["minute"].tolist() == [minute]
    assert features["weekday"].tolist() == [weekday]


def test_every_other_column_of_the_contract_is_handed_on_as_it_is(frame):
    columns = frame_to_columns(read_contract(Flight), frame.head(100))
    features = derive(columns)
    assert features.keys() == (columns.keys() - {"scheduled_departure"}) | {"minute", "weekday"}
    assert all(features[name] is columns[name] for name in columns.keys() & features.keys())
    assert "scheduled_departure" in columns
