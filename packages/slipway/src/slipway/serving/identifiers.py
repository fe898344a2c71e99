"""UUIDs of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits, so that they sort by time."""

import os
import time
from typing import Annotated

from msgspec import Meta

Identifier = Annotated[
    str, Meta(pattern="^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", max_length=36)
]
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
# The highest random bit stays 0: a batch counts up from its first identifier and never runs into the variant.
_RANDOM_LOW = (1 << 61) - 1
_RANDOM_HIGH = 0xFFF
# The last three digits of identifiers in a row.
_TAILS = [f"{last:03x}" for last in range(0x1000)]


def new_identifier() -> int:
    """Make an identifier as a number; the numbers that follow (at most 2**61) are as unique."""
    return number_identifier(time.time_ns() // 1_000_000, os.urandom(10))


def number_identifier(milliseconds: int, random_bytes: bytes) -> int:
    """Make the identifier of a time since 1970, whose other bits are the first ten of `random_bytes`."""
    random = int.from_bytes(random_bytes[:10])
    return milliseconds << 80 | _VERSION_AND_VARIANT | (random >> 61 & _RANDOM_HIGH) << 64 | random & _RANDOM_LOW


def format_identifier(identifier: int) -> str:
    """Write an identifier as text, such as 0192f0c1-7d5e-7b6a-8a52-0123456789ab."""
    digits = f"{identifier:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def format_identifiers(first: int, number: int) -> list[str]:
    """Write `number` identifiers in a row as text: up to 4,096 of them have all but their last digits in common."""
    found: list[str] = []
    while len(found) < number:
        following = first + len(found)
        start = following & 0xFFF
        head = format_identifier(following)[: -len(_TAILS[0])]
        found += [head + tail for tail in _TAILS[start : start + number - len(found)]]
    return found
