"""What the problem adds to its contract: expectations that catch a bad delivery, slices, a card."""

import msgspec
import pandas as pd

from flights.problem import PROBLEM, by_month
from slipway.data.validation.validate import validate_dataset


class Clock(msgspec.Struct, forbid_unknown_fields=True):
    """The rest of the contract is tested elsewhere, and checking all of it takes seconds."""

    distance: int


VIEWS = msgspec.structs.replace(PROBLEM, contract=Clock)


def broken(frame):
    report = validate_dataset(VIEWS, frame)
    assert not report.unchecked
    views = [view for view in report.views if view.name != "dataset"]
    return {(view.name, rule.column) for view in views for rule in view.rules if not rule.passed}


def test_the_versioned_data_keeps_every_expectation(frame):
    assert broken(frame) == set()


def test_a_month_that_was_not_delivered_is_found(frame):
    hole = frame[~frame["group"].str.startswith("2013-04")]
    assert broken(hole) == {("months", "flights")}
    assert by_month(hole).set_index("month")["flights"]["2013-04"] == 0


def test_a_month_whose_weather_was_not_delivered_is_found(frame):
    hole = frame.assign(temperature=frame["temperature"].mask(frame["group"].str.startswith("2013-04")))
    assert ("months", "with_weather") in broken(hole)


def test_a_delay_that_means_something_else_is_found(frame):
    in_march = frame["group"].str.startswith("2013-03")
    assert broken(frame.assign(target=frame["target"] | in_march)) == {("months", "late")}


def test_an_airport_that_was_not_delivered_is_found(frame):
    assert ("flights", "origin") in broken(frame[frame["origin"] != "LGA"])


def test_instants_in_another_time_zone_are_found(frame):
    # Local time taken for UTC: every flight would be joined to weather of four or five hours later or earlier.
    local = frame["scheduled_departure"].dt.tz_localize("UTC")
    assert broken(frame.assign(time=local)) == {("flights", "clock_error")}


def test_destinations_with_few_flights_are_put_together():
    flights = pd.DataFrame({"destination": ["ATL"] * 150 + ["ORD"] * 49 + ["HNL"]})
    (destination,) = (cut.of for cut in PROBLEM.slices if cut.name == "destination")
    assert destination(flights).value_counts().to_dict() == {"ATL": 150, "ORD": 49, "others": 1}


def test_the_parts_of_the_day_meet_where_they_should():
    hours = pd.DataFrame({"scheduled_departure": pd.to_datetime([f"2013-01-05 {hour:02}:59" for hour in range(24)])})
    (part_of_day,) = (cut.of for cut in PROBLEM.slices if cut.name == "part of day")
    names = part_of_day(hours).tolist()
    assert names == ["night"] * 5 + ["morning"] * 7 + ["afternoon"] * 5 + ["evening"] * 7
