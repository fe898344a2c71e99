"""Identifiers of the log as two numbers each, which are compared and found much faster than texts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_DASHES = (8, 13, 18, 23)
_DIGITS = [place for place in range(36) if place not in _DASHES]
_NIBBLES = np.full(256, 255, dtype=np.uint8)
for _value, _digit in enumerate(b"0123456789abcdef"):
    _NIBBLES[_digit] = _value


class Identifiers(NamedTuple):
    """Identifiers as two numbers each; `valid` is False where a text is no UUID."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    valid: NDArray[np.bool_]


def parse_identifiers(texts: Sequence[str]) -> Identifiers:
    """Turn identifiers as text into numbers."""
    packed = _parse_whole(texts)
    if packed is not None:
        return Identifiers(packed[:, 0], packed[:, 1], np.ones(len(texts), dtype=bool))
    usable = [text if len(text) == 36 and text.isascii() else "-" * 36 for text in texts]
    letters = np.frombuffer("".join(usable).encode("ascii"), dtype=np.uint8).reshape(len(usable), 36)
    nibbles = _NIBBLES[letters[:, _DIGITS]]
    valid = (nibbles < 16).all(axis=1) & (letters[:, _DASHES] == ord("-")).all(axis=1)
    packed = np.ascontiguousarray(nibbles[:, ::2] << 4 | nibbles[:, 1::2]).view(">u8").astype(np.uint64)
    return Identifiers(packed[:, 0], packed[:, 1], valid)


def _parse_whole(texts: Sequence[str]) -> NDArray[np.uint64] | None:
    """Return two numbers for each identifier, None unless all of them are UUIDs: most blocks, and ten times as fast."""
    joined = "".join(texts)
    if {*map(len, texts)} != {36} or not joined.isascii() or joined != joined.lower():
        return None
    letters = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(len(texts), 36)
    digits = joined.replace("-", "")
    if len(digits) != 32 * len(texts) or not (letters[:, _DASHES] == ord("-")).all():
        return None
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        return None
    # Spaces are no digits, and passed over.
    if len(packed) != 16 * len(texts):
        return None
    return np.frombuffer(packed, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def match_identifiers(keys: NDArray[np.uint64], asked: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the position of each of `asked` among `keys`, -1 where it is not there."""
    every = np.concatenate([keys, asked])
    order = np.lexsort((every[:, 1], every[:, 0]))
    in_order = every[order]
    new = np.append(True, (in_order[1:] != in_order[:-1]).any(axis=1))[: len(order)]
    code = np.empty(len(every), dtype=np.intp)
    code[order] = np.cumsum(new) - 1
    position = np.full(len(every), -1, dtype=np.intp)
    position[code[: len(keys)]] = np.arange(len(keys))
    return position[code[len(keys) :]]
