"""A number with its interval, and the one way in which it is written."""

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number and the ends of its interval; no ends where there is too little to tell."""

    value: float
    low: float | None = None
    high: float | None = None
