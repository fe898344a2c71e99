"""The row that a client sends: a flight, and the weather at its origin as known two hours before it leaves.

This file travels with the model: only the standard library, numpy and msgspec may be imported.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


def _measure(low: float, high: float, unit: str, description: str) -> Meta:
    return Meta(ge=low, le=high, description=description, extra_json_schema={"unit": unit})


class Flight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scheduled departure from New York; a reading that the weather station did not give is null."""

    scheduled_departure: Annotated[datetime, Meta(tz=False, description="Local time at the origin")]
    # Carriers and destinations come and go: any code of the right form is taken, also one the model never saw.
    carrier: Annotated[str, Meta(pattern="^[A-Z0-9]{2}$", max_length=2, description="Airline, two-character IATA code")]
    origin: Annotated[Literal["EWR", "JFK", "LGA"], Meta(description="Airport of departure, IATA code")]
    destination: Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="Airport of arrival, IATA code")]
    # Ranges are what can be, not what was: 253 mph is the fastest wind ever measured outside a tornado.
    distance: Annotated[int, _measure(1, 10_000, "miles", "Great-circle distance to the destination")]
    temperature: Annotated[float, _measure(-60, 130, "degF", "Air temperature")] | None = None
    dew_point: Annotated[float, _measure(-80, 100, "degF", "Dew point")] | None = None
    humidity: Annotated[float, _measure(0, 100, "%", "Relative humidity")] | None = None
    wind_direction: Annotated[float, _measure(0, 360, "degrees", "Wind from; null: variable")] | None = None
    wind_speed: Annotated[float, _measure(0, 253, "mph", "Wind speed")] | None = None
    wind_gust: Annotated[float, _measure(0, 253, "mph", "Speed of gusts; null: none")] | None = None
    precipitation: Annotated[float, _measure(0, 20, "inches", "Rain or melted snow in an hour")] | None = None
    pressure: Annotated[float, _measure(850, 1100, "millibars", "Pressure at sea level")] | None = None
    visibility: Annotated[float, _measure(0, 10, "miles", "Visibility; 10: 10 or more")] | None = None
