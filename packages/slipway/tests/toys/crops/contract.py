"""A field before sowing."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One field in one season."""

    soil: Annotated[Literal["clay", "loam", "sand"], Meta(description="Kind of soil")]
    rain: Annotated[float, Meta(ge=0, le=5000, description="Rain", extra_json_schema={"unit": "mm/year"})]
    acidity: Annotated[float, Meta(gt=0, lt=14, description="pH")] | None = None
    irrigated: Annotated[bool, Meta(description="Whether water is brought")]
