"""Join the monthly tables into one row per flight, as it was known two hours before departure."""

from pathlib import Path

import pandas as pd

from slipway import DataError, read_folder

# A flight counts as late when it arrives more than this many minutes after its schedule.
LATE_MINUTES = 15
# The moment of prediction, before scheduled departure.
NOTICE = pd.Timedelta(hours=2)
# An observation is labelled with the hour in which it was made, mostly near its end (minute 51), so it is certain to
# exist only after that hour.
PUBLISHED = pd.Timedelta(hours=1)
# Weather published longer before the moment of prediction is ignored; the longest gap is 6 h.
STALE = pd.Timedelta(hours=6)
# mph. The fastest gust ever measured outside a tornado (Barrow Island, 1996). EWR's record of 2013-02-12 says 1,048.
FASTEST_WIND = 253

FLIGHT_KINDS = {
    **dict.fromkeys(("year", "month", "day", "sched_dep_time", "flight", "distance", "arr_delay"), "integer"),
    **dict.fromkeys(("carrier", "origin", "dest"), "text"),
    "time_hour": "instant",
}
# The contract's name of each reading, and its name in the source.
READINGS = {
    "temperature": "temp",
    "dew_point": "dewp",
    "humidity": "humid",
    "wind_direction": "wind_dir",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precipitation": "precip",
    "pressure": "pressure",
    "visibility": "visib",
}
WEATHER_KINDS = {"origin": "text", "time_hour": "instant"} | dict.fromkeys(READINGS.values(), "number")


def load(data_dir: Path) -> pd.DataFrame:
    """Read `data_dir`/flights and `data_dir`/weather into one row per flight that arrived where it was bound.

    The contract's columns, `target` (late or not), `group` (the local day, such as 2013-01-05), `time` (scheduled
    departure in UTC) and `key`. Cancelled and diverted flights have no arrival delay and are left out.
    """
    flights = read_flights(read_folder(data_dir / "flights", FLIGHT_KINDS))
    return join_weather(flights, read_weather(read_folder(data_dir / "weather", WEATHER_KINDS)))


def read_flights(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the schedule of each flight that arrived, and whether it was late, in the order of the schedule."""
    _refuse_gaps(raw, "flights", ["year", "month", "day", "sched_dep_time", "time_hour"])
    raw = raw[raw["arr_delay"].notna()]
    # A day that does not exist becomes null here and is reported with its row by the validation.
    day = pd.to_datetime(raw[["year", "month", "day"]], errors="coerce").astype("datetime64[us]")
    hour, minute = divmod(raw["sched_dep_time"], 100)  # 1435 is 14:35
    group = day.dt.strftime("%Y-%m-%d")
    flights = pd.DataFrame(
        {
            "scheduled_departure": day + pd.to_timedelta(hour * 60 + minute, unit="min"),
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "destination": raw["dest"],
            "distance": raw["distance"],
            "target": (raw["arr_delay"] > LATE_MINUTES).astype(bool),
            "group": group,
            # `time_hour` is the hour of the schedule as an instant: no time zone table is needed.
            "time": raw["time_hour"] + pd.to_timedelta(minute, unit="min"),
            "key": group + " " + raw["carrier"] + raw["flight"].astype(str) + " " + raw["origin"],
        }
    )
    return flights.sort_values(["time", "key"], ignore_index=True)


def read_weather(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the readings under the contract's names, in the order of the moment when they were `published`."""
    _refuse_gaps(raw, "weather", ["time_hour"])
    if raw.duplicated(["origin", "time_hour"]).any():
        raise DataError(
            "data/weather has two observations of one origin and hour, so a flight could be joined with either. "
            "Ingest the month again, or remove one of them."
        )
    weather = raw.rename(columns={source: name for name, source in READINGS.items()})
    weather["published"] = weather.pop("time_hour") + PUBLISHED
    for name in ("wind_speed", "wind_gust"):
        weather[name] = weather[name].where(weather[name] <= FASTEST_WIND)
    return weather.sort_values(["published", "origin"], ignore_index=True)


def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Give each flight the last weather published at its origin when it was `NOTICE` before departure."""
    asked = flights.assign(published=flights["time"] - NOTICE)
    joined = pd.merge_asof(asked, weather, on="published", by="origin", tolerance=STALE)
    outcome = ["target", "group", "time", "key"]
    return joined[[*joined.columns.drop([*outcome, "published"]), *outcome]]


def _refuse_gaps(raw: pd.DataFrame, table: str, clock: list[str]) -> None:
    for name in clock:
        if gaps := int(raw[name].isna().sum()):
            raise DataError(
                f"{table}: {name} is missing in {gaps:,} of {len(raw):,} rows, and without it a row has no place in "
                "time. Write the month's file again from its source."
            )
