"""The row with its bounds, and what the model sees of it, as they are written by hand for FastAPI and BentoML."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime

BUNDLE = Path(os.environ["BENCH_BUNDLE"])

_MANIFEST = json.loads((BUNDLE / "manifest.json").read_text())
_CODES = {
    given["name"]: {value: float(code) for code, value in enumerate(given["vocabulary"])}
    for given in _MANIFEST["inputs"]
    if given["vocabulary"]
}
_CARRIERS, _ORIGINS, _DESTINATIONS = _CODES["carrier"], _CODES["origin"], _CODES["destination"]
_UNSEEN = -2.0


class Flight(BaseModel):
    """The same fields and bounds as the project's contract."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scheduled_departure: NaiveDatetime
    carrier: Annotated[str, Field(pattern="^[A-Z0-9]{2}$", max_length=2)]
    origin: Literal["EWR", "JFK", "LGA"]
    destination: Annotated[str, Field(pattern="^[A-Z]{3}$", max_length=3)]
    distance: Annotated[int, Field(ge=1, le=10_000)]
    temperature: Annotated[float, Field(ge=-60, le=130)] | None = None
    dew_point: Annotated[float, Field(ge=-80, le=100)] | None = None
    humidity: Annotated[float, Field(ge=0, le=100)] | None = None
    wind_direction: Annotated[float, Field(ge=0, le=360)] | None = None
    wind_speed: Annotated[float, Field(ge=0, le=253)] | None = None
    wind_gust: Annotated[float, Field(ge=0, le=253)] | None = None
    precipitation: Annotated[float, Field(ge=0, le=20)] | None = None
    pressure: Annotated[float, Field(ge=850, le=1100)] | None = None
    visibility: Annotated[float, Field(ge=0, le=10)] | None = None


def inputs(flight: Flight) -> tuple[float | None, ...]:
    """The model's inputs in its order; numpy makes NaN of None."""
    clock = flight.scheduled_departure
    return (
        _CARRIERS.get(flight.carrier, _UNSEEN),
        _ORIGINS.get(flight.origin, _UNSEEN),
        _DESTINATIONS.get(flight.destination, _UNSEEN),
        flight.distance,
        flight.temperature,
        flight.dew_point,
        flight.humidity,
        flight.wind_direction,
        flight.wind_speed,
        flight.wind_gust,
        flight.precipitation,
        flight.pressure,
        flight.visibility,
        clock.hour * 60 + clock.minute + clock.second / 60 + clock.microsecond / 60_000_000,
        clock.weekday(),
    )
