"""A flat to let."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta


class Flat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One flat on the day it is offered."""

    area: Annotated[float, Meta(ge=8, le=500, description="Floor", extra_json_schema={"unit": "m2"})]
    rooms: Annotated[int, Meta(ge=1, le=12, description="Rooms")]
    district: Annotated[str, Meta(description="District, free text")] | None = None
    lift: Annotated[bool, Meta(description="Whether there is a lift")] | None = None
    offered: Annotated[datetime, Meta(tz=False, description="Day of the offer")]
