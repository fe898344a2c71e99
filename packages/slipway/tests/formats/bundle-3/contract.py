"""A subscriber, with a column of every kind."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Subscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One subscriber on one day."""

    plan: Annotated[Literal["basic", "plus", "family"], Meta(description="What is paid for")]
    town: Annotated[str, Meta(pattern="^[a-z]+$", description="Town, lower-case letters")] | None = None
    joined: Annotated[datetime, Meta(tz=True, description="First bill")] | None = None
    months: Annotated[int, Meta(ge=0, le=600, description="Bills so far")]
    usage: Annotated[float, Meta(ge=0, description="Mean use", extra_json_schema={"unit": "h/day"})] | None = None
    paperless: Annotated[bool, Meta(description="Bills by mail only")] | None = None
