"""Name held-out groups and periods in an evaluation record: as they are, hashed, in blocks, or by day or month."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from slipway.data.split_days import read_days
from slipway.params import SplitBy, SplitParams

if TYPE_CHECKING:
    import pandas as pd


class Naming(StrEnum):
    """The names under which rows are kept: their group, its salted hash, blocks by that hash, or their day or month."""

    PLAIN = "plain"
    HASHED = "hashed"
    BLOCKS = "blocks"
    DAYS = "days"
    MONTHS = "months"

    @property
    def is_period(self) -> bool:
        """True for days and months, which a split by time moves as a whole."""
        return self in (Naming.DAYS, Naming.MONTHS)


def hash_group(group: str, salt: str) -> bytes:
    """Return the sha256 of salt and group."""
    return hashlib.sha256(f"{salt}\0{group}".encode()).digest()


def name_groups(names: Sequence[str], naming: Naming, salt: str, blocks: int) -> list[str]:
    """Name each group otherwise: by its salted hash, or by the one of `blocks` that the hash puts it in."""
    if naming is Naming.PLAIN:
        return list(names)
    hashes = [hash_group(name, salt) for name in names]
    if naming is Naming.HASHED:
        return [found[:8].hex() for found in hashes]
    # The first bytes decide on which side of the split a group is.
    return [f"block {int.from_bytes(found[8:16]) % blocks:04}" for found in hashes]


def name_periods(frame: "pd.DataFrame", naming: Naming, split: SplitParams) -> "pd.Series":
    """Name the day or month of each row; by time, that of the first row of its group, which is held out as a whole."""
    days = read_days(frame)
    if split.by is SplitBy.TIME:
        days = days.groupby(frame["group"]).transform("min")
    return days.dt.strftime("%Y-%m" if naming is Naming.MONTHS else "%Y-%m-%d")
