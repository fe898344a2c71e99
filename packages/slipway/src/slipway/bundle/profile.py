"""The profile of a bundle: the distributions that production is compared with, whole and by ordered blocks."""

import lzma
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.errors import BundleError
from slipway.files.documents import parse_json

_AGAIN = "Train the model again, or fetch the bundle again."
# A mean is stored as its place between the outer edges, in steps of this many to the width.
STEPS = 1 << 16


class Shape(StrEnum):
    """The cells that a distribution counts: bins of numbers, categories, hours of the day, or days of the week."""

    NUMBER = "number"
    CATEGORY = "category"
    HOUR = "hour"
    WEEKDAY = "weekday"


class Distribution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Shares of the bins between n + 1 edges, or of n categories, hours or weekdays (0 is Monday).

    A bin holds its lower edge, the last one both. With `below` and `above` the edges, with `missing` and `other`
    (rarer categories), the shares sum to 1. `shape` is None in bundles before format 3, whose outer bins were open.
    """

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...]
    missing: float = 0.0
    other: float = 0.0
    below: float = 0.0
    above: float = 0.0
    shape: Shape | None = None

    @property
    def cells(self) -> Shape:
        """Return the shape, told from edges and categories where the bundle is older than the field."""
        return self.shape or (Shape.CATEGORY if self.categories else Shape.NUMBER)


class Order(StrEnum):
    """The meaning of a block: the rows of a day, of groups in the order of their hashes, or spread rows."""

    DAYS = "days"
    GROUPS = "groups"
    ROWS = "rows"


class Blocks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The training rows in ordered blocks, so that the change from one run of blocks to the next is known.

    `days` are the first days of the blocks as days since 1970 where `order` is `days`. `counts` is a compressed table
    with a row per block: its columns are the cells of each of the profile's inputs, then of each score (`unpack_table`
    and `slipway.training.reference.blocks` hold the layout). `constant` is the longest run of blocks in which a number
    had one value, `novel` the largest share of a week of blocks in categories that occur in no other block.
    """

    order: Order
    rows: tuple[int, ...]
    days: tuple[int, ...] = ()
    counts: bytes
    constant: dict[str, int] = {}
    novel: dict[str, float] = {}


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The distributions of the inputs and of the scores, one score for each class of a multiclass task.

    A timestamp has two distributions, `<name>:hour` and `<name>:weekday`. `leaning` is the mean change of the score
    where a column is shuffled, `readings` names the measured numbers, which together hardly ever repeat. Bundles before
    format 3 have neither these nor `blocks` nor timestamps.
    """

    rows: int
    inputs: dict[str, Distribution]
    scores: tuple[Distribution, ...]
    leaning: dict[str, float] = {}
    readings: tuple[str, ...] = ()
    blocks: Blocks | None = None


def decode_profile(content: bytes, name: str = "profile.json") -> Profile:
    """Decode the profile of a bundle of any format; raises `BundleError` that names it."""
    return parse_json(content, Profile, name, BundleError, _AGAIN)


def pack_table(table: NDArray[np.integer]) -> bytes:
    """Compress a table of counts below 2^32: column by column, the bytes of equal weight together."""
    plain = np.ascontiguousarray(table.T, dtype="<u4").view(np.uint8)
    return lzma.compress(plain.reshape(-1, 4).T.tobytes())


def unpack_table(packed: bytes, rows: int) -> NDArray[np.int64]:
    """Return the table that `pack_table` compressed; raises `BundleError` for what cannot be one of `rows` rows."""
    try:
        plain = np.frombuffer(lzma.decompress(packed), dtype=np.uint8)
        columns = np.ascontiguousarray(plain.reshape(4, -1).T).view("<u4").reshape(-1, rows)
    except (lzma.LZMAError, ValueError) as error:
        raise BundleError(f"profile.json: the counts of {rows} blocks cannot be read: {error}. {_AGAIN}") from error
    return columns.T.astype(np.int64)
