"""The contract fits the data, and refuses what no flight can be."""

import msgspec
import pytest

from flights.contract import Flight
from slipway.contract import Kind, read_contract

FIELDS = read_contract(Flight)
WHEN = {"scheduled_departure": "2013-10-05T17:30:00"}
ROW = WHEN | {"carrier": "UA", "origin": "EWR", "destination": "SFO", "distance": 2565}
IMPOSSIBLE = {
    **{"scheduled_departure": "2013-10-05T17:30:00Z", "carrier": "united", "origin": "PHL", "destination": "sfo"},
    **{"distance": 0, "humidity": 101, "wind_speed": 1048.36, "temperature": "mild", "arr_delay": 3},
}


def accept(**changed):
    return msgspec.json.decode(msgspec.json.encode({**ROW, **changed}), type=Flight)


def test_the_weather_may_be_left_out():
    assert accept().temperature is None
    assert {field.name for field in FIELDS if field.required} == set(ROW)


def test_a_carrier_and_a_destination_never_seen_before_are_accepted():
    assert accept(carrier="3X", destination="XYZ").carrier == "3X"


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE.items())
def test_what_no_flight_can_be_is_refused_by_name(name, value):
    with pytest.raises(msgspec.ValidationError, match=name):
        accept(**{name: value})


def test_every_field_is_described_and_every_measure_has_a_unit_and_a_range():
    assert all(field.description for field in FIELDS)
    measures = [field for field in FIELDS if field.kind in (Kind.NUMBER, Kind.INTEGER)]
    assert all(field.unit and field.ge is not None and field.le is not None for field in measures)
