"""A row knows what was known two hours before departure, and nothing later."""

import numpy as np
import pandas as pd
import pytest

from flights import ingest
from flights.contract import Flight
from flights.dataset import FLIGHT_KINDS, READINGS, WEATHER_KINDS, join_weather, load, read_flights, read_weather
from slipway.contract import read_contract
from slipway.errors import DataError

CONTRACT = [field.name for field in read_contract(Flight)]
# What stands before the day; everything else in the raw table is an outcome, the aircraft included: it is swapped.
CLOCK = {"year", "month", "day", "sched_dep_time", "sched_arr_time", "time_hour"}
SCHEDULE = CLOCK | {"carrier", "flight", "origin", "dest", "distance"}
MONTH = "2013-07"


def flight(**changed):
    time_hour = pd.Timestamp("2013-07-04 18:00", tz="UTC")
    leaves = {"year": 2013, "month": 7, "day": 4, "sched_dep_time": 1435, "time_hour": time_hour}
    flown = {"carrier": "B6", "flight": 15, "origin": "JFK", "dest": "BOS", "distance": 187, "arr_delay": 3}
    return {**leaves, **flown, **changed}


def observation(hour, temp, origin="JFK", **changed):
    rest = {name: 1.0 for name in WEATHER_KINDS if name not in ("origin", "time_hour", "temp")}
    return {"origin": origin, "time_hour": pd.Timestamp(hour, tz="UTC"), "temp": temp, **rest, **changed}


def join(flights, weather):
    raw = pd.DataFrame(weather).astype({"time_hour": "datetime64[us, UTC]"})
    return join_weather(read_flights(table(flights)), read_weather(raw))


def table(flights):
    return pd.DataFrame(flights).astype({"time_hour": "datetime64[us, UTC]", "arr_delay": "Int64"})


THREE = [observation(f"2013-07-04 {hour}:00", temp) for hour, temp in ((14, 70.0), (15, 75.0), (16, 80.0))]


def test_a_flight_has_the_last_weather_published_two_hours_before_it_leaves():
    # It leaves at 18:35 UTC and asks at 16:35: what was seen during the hour from 15:00 was out by 16:00.
    row = join([flight()], THREE).iloc[0]
    assert row["time"] == pd.Timestamp("2013-07-04 18:35", tz="UTC")
    assert row["scheduled_departure"] == pd.Timestamp("2013-07-04 14:35")
    assert row["temperature"] == 75.0


@pytest.mark.parametrize(("minute", "known"), [(1859, 75.0), (1900, 80.0)])
def test_an_observation_counts_from_the_end_of_its_hour_on(minute, known):
    # 18:59 UTC asks at 16:59, 19:00 at 17:00, which is when the hour from 16:00 is over.
    local = minute - 400
    hour = pd.Timestamp(f"2013-07-04 {minute // 100}:00", tz="UTC")
    assert join([flight(sched_dep_time=local, time_hour=hour)], THREE)["temperature"].tolist() == [known]


def test_weather_of_another_airport_is_not_taken():
    elsewhere = observation("2013-07-04 15:00", 99.0, origin="LGA")
    assert join([flight()], [*THREE[:1], elsewhere])["temperature"].tolist() == [70.0]


def test_weather_published_more_than_six_hours_ago_is_null():
    kept, stale = observation("2013-07-04 09:35", 60.0), observation("2013-07-04 09:34", 60.0)
    assert join([flight()], [kept])["temperature"].tolist() == [60.0]
    assert join([flight()], [stale])["temperature"].isna().all()


def test_an_impossible_wind_is_null_and_the_other_readings_stay():
    storm = observation("2013-07-04 15:00", 75.0, wind_speed=1048.36, wind_gust=66.7)
    row = join([flight()], [storm]).iloc[0]
    assert np.isnan(row["wind_speed"])
    assert row["wind_gust"] == 66.7
    assert row["temperature"] == 75.0


def test_late_means_more_than_15_minutes_and_cancelled_flights_are_left_out():
    flights = [flight(flight=number, arr_delay=delay) for number, delay in enumerate([15, 16, None, -3])]
    assert join(flights, THREE).set_index("key")["target"].to_dict() == {
        "2013-07-04 B60 JFK": False,
        "2013-07-04 B61 JFK": True,
        "2013-07-04 B63 JFK": False,
    }


def test_a_flight_belongs_to_its_local_day():
    evening = flight(sched_dep_time=2359, time_hour=pd.Timestamp("2013-07-05 03:00", tz="UTC"))
    row = join([evening], THREE).iloc[0]
    assert row["group"] == "2013-07-04"
    assert row["time"] == pd.Timestamp("2013-07-05 03:59", tz="UTC")


@pytest.mark.parametrize("name", ["year", "sched_dep_time", "time_hour"])
def test_a_flight_without_a_place_in_time_is_refused(name):
    with pytest.raises(DataError, match=f"flights: {name} is missing in 1 of 2 rows"):
        read_flights(table([flight(), flight(**{name: None})]))


def test_a_day_that_does_not_exist_is_left_for_the_validation_to_report():
    assert read_flights(table([flight(day=32)]))["scheduled_departure"].isna().all()


def test_the_dataset_is_the_contract_and_what_the_split_needs(frame):
    assert list(frame.columns) == [*CONTRACT, "target", "group", "time", "key"]
    assert frame["key"].is_unique
    assert frame["target"].dtype == bool
    assert (frame["group"] == frame["scheduled_departure"].dt.strftime("%Y-%m-%d")).all()


@pytest.fixture
def month(data, tmp_path):
    """Raw tables of one month that a test may change, and the rows that come of them."""

    def rows(flights, weather):
        for name, content in (("flights", flights), ("weather", weather)):
            (tmp_path / name).mkdir(exist_ok=True)
            content.to_parquet(tmp_path / name / f"{MONTH}.parquet")
        return load(tmp_path).set_index("key")

    flights, weather = (
        pd.read_parquet(data / name / f"{MONTH}.parquet", dtype_backend="numpy_nullable")
        for name in ("flights", "weather")
    )
    return flights, weather, rows


def test_no_column_of_the_contract_is_made_from_an_outcome(month):
    flights, weather, rows = month
    outcomes = [name for name in ingest.FLIGHT_SCHEMA.names if name not in SCHEDULE]
    assert {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum"} <= set(outcomes)
    changed = flights.copy()
    arrived = flights["arr_delay"].notna()
    for name in outcomes:
        # Whether a flight arrived decides which rows there are, so only the values of those that did are shuffled.
        changed.loc[arrived, name] = flights.loc[arrived, name].sample(frac=1, random_state=0).array
    before, after = rows(flights, weather), rows(changed, weather)
    pd.testing.assert_frame_equal(before[CONTRACT], after[CONTRACT])
    assert (before["target"] != after["target"]).any()


@pytest.mark.parametrize("now", ["2013-07-08 11:30", "2013-07-19 17:00", "2013-07-27 22:59"])
def test_another_future_changes_no_row_of_the_past(month, now):
    """Seen from `now`, two hours before a flight: all weather not yet published and all later flights are changed."""
    flights, weather, rows = month
    moment = pd.Timestamp(now, tz="UTC")
    readings = list(READINGS.values())
    future_weather, future_flights = weather.copy(), flights.copy()
    unpublished = weather["time_hour"] + pd.Timedelta(hours=1) > moment
    future_weather.loc[unpublished, readings] = weather.loc[unpublished, readings].to_numpy()[::-1] / 2
    leaving = flights["time_hour"] + pd.to_timedelta(flights["sched_dep_time"] % 100, unit="min")
    later = (leaving > moment + pd.Timedelta(hours=2)) & flights["arr_delay"].notna()
    future_flights.loc[later, ["dest", "arr_delay"]] = ["ZZZ", 999]
    before, after = rows(flights, weather), rows(future_flights, future_weather)
    past = before["time"] <= moment + pd.Timedelta(hours=2)
    pd.testing.assert_frame_equal(before[past], after[past])
    # The change does reach the rows that come after.
    assert past.any()
    assert (before[~past]["humidity"] != after[~past]["humidity"]).mean() > 0.5


def test_outcomes_are_read_for_the_target_alone():
    assert set(FLIGHT_KINDS) - SCHEDULE == {"arr_delay"}
