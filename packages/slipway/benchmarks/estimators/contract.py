"""Rows as shops have them: prices with decimals, counts, texts, gaps."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order with texts and gaps."""

    price: Annotated[float, Meta(ge=0, le=2_000)]
    weight: Annotated[float, Meta(ge=0, le=200)] | None = None
    age: Annotated[int, Meta(ge=0, le=130)] | None = None
    items: Annotated[int, Meta(ge=1, le=200)]
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    channel: Literal["web", "shop", "phone"] | None = None
    gift: bool


class Parcel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of an order, all of them known."""

    price: Annotated[float, Meta(ge=0, le=2_000)]
    weight: Annotated[float, Meta(ge=0, le=200)]
    age: Annotated[int, Meta(ge=0, le=130)]
    items: Annotated[int, Meta(ge=1, le=200)]
