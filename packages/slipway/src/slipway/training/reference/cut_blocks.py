"""Cut the training rows into ordered blocks: days, groups, or equal parts."""

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order

if TYPE_CHECKING:
    import pandas as pd

# The newest days are kept: with three tenths of the days held out, 256 of them span a year.
MOST_BLOCKS = 256
# A group may be a person, and a day of a small service holds a few: fewer rows than this are never told apart.
FEWEST_ROWS = 100
# With more groups than this share of the rows, a group is the content of a row: the split makes it without `group`.
_GROUPED = 0.9
_DAY = np.timedelta64(1, "D")


class BlockedRows(NamedTuple):
    """The block of each row, -1 for rows of none, and the first day of each block where they are days."""

    order: Order
    blocks: NDArray[np.intp]
    days: NDArray[np.int64]


def block_rows(frame: "pd.DataFrame") -> BlockedRows:
    """Cut rows into days where the frame has `time`, else into groups in the order of their hashes, else evenly.

    A block has at least `FEWEST_ROWS` rows: smaller neighbours are one block. A group that lies within two days belongs
    to one of them.
    """
    if "time" in frame:
        return _block_days(frame)
    if "group" in frame and 1 < frame["group"].nunique() < _GROUPED * len(frame):
        names = frame["group"].astype(str)
        order = {name: hashlib.sha256(name.encode()).digest() for name in names.unique()}
        places = {name: place for place, name in enumerate(sorted(order, key=lambda name: order[name]))}
        fewest = max(FEWEST_ROWS, len(frame) // MOST_BLOCKS + 1)
        blocks, _ = _merge_small(names.map(places).to_numpy(dtype=np.int64), fewest)
        return BlockedRows(Order.GROUPS, blocks, np.empty(0, np.int64))
    number = max(1, min(MOST_BLOCKS, len(frame) // FEWEST_ROWS))
    return BlockedRows(Order.ROWS, np.arange(len(frame)) % number, np.empty(0, np.int64))


def _block_days(frame: "pd.DataFrame") -> BlockedRows:
    time = frame["time"]
    stamps = (time.dt.tz_convert("UTC").dt.tz_localize(None) if time.dt.tz else time).to_numpy(dtype="datetime64[us]")
    days = stamps.astype("datetime64[D]").astype(np.int64)
    if "group" in frame:
        groups = frame["group"].astype(str).factorize()[0]
        first, last = np.full(groups.max() + 1, stamps.max()), np.full(groups.max() + 1, stamps.min())
        np.minimum.at(first, groups, stamps)
        np.maximum.at(last, groups, stamps)
        if (last - first < 2 * _DAY).all():
            middle = (first + (last - first) // 2).astype("datetime64[D]").astype(np.int64)
            days = middle[groups]
    blocks, firsts = _merge_small(days, FEWEST_ROWS)
    dropped = max(0, len(firsts) - MOST_BLOCKS)
    return BlockedRows(Order.DAYS, np.maximum(blocks - dropped, -1), firsts[dropped:])


def _merge_small(places: NDArray[np.int64], fewest: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Number the blocks of ordered places so that each has `fewest` rows; return the first place of each too."""
    found, codes, rows = np.unique(places, return_inverse=True, return_counts=True)
    block, held, blocks, firsts = -1, fewest, [], []
    for place, number in zip(found.tolist(), rows.tolist(), strict=True):
        if held >= fewest:
            block, held = block + 1, 0
            firsts.append(place)
        blocks.append(block)
        held += number
    if held < fewest and block > 0:
        # What is left at the end belongs to the block before.
        blocks = [min(each, block - 1) for each in blocks]
        firsts.pop()
    return np.array(blocks, dtype=np.intp)[codes], np.array(firsts, dtype=np.int64)
