"""Split a dataset: whole groups are held out, chosen by a salted hash, so that new data moves no row."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from slipway.errors import DataError
from slipway.params import SplitParams

if TYPE_CHECKING:
    import pandas as pd

# With fewer groups an interval over them is meaningless, and one unusual group decides a comparison.
FEWEST_GROUPS = 8


class Naming(StrEnum):
    """The names under which groups are kept: as they are, a salted hash, or blocks of groups by a salted hash."""

    PLAIN = "plain"
    HASHED = "hashed"
    BLOCKS = "blocks"


def is_held_out(group: str, split: SplitParams) -> bool:
    """Tell whether the hash of salt and group, as a share of all hashes, is below `split.holdout`."""
    return int.from_bytes(hash_group(group, split.salt)[:8]) / 2**64 < split.holdout


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


def split_frame(frame: "pd.DataFrame", split: SplitParams) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split a dataset into training set and holdout, both with a text column `group`.

    Without a column `group`, the content of a row is its group, so that equal rows stay together. Raises `DataError`
    if either part has fewer than `FEWEST_GROUPS` groups.
    """
    frame = frame.assign(group=_groups(frame))
    groups = frame["group"].unique().tolist()
    held = {group for group in groups if is_held_out(group, split)}
    if min(len(held), len(groups) - len(held)) < FEWEST_GROUPS:
        raise DataError(
            f"Too few groups: expected {FEWEST_GROUPS} or more in each part, found {len(groups) - len(held)} for "
            f"training and {len(held)} for the holdout. Add data, choose a finer group in dataset.py, or change "
            f"split.holdout (now {split.holdout}) in params.yaml."
        )
    mask = frame["group"].isin(held)
    return frame[~mask].reset_index(drop=True), frame[mask].reset_index(drop=True)


def _groups(frame: "pd.DataFrame") -> "pd.Series":
    from pandas.api.types import infer_dtype
    from pandas.util import hash_pandas_object

    if "group" in frame:
        if infer_dtype(frame["group"], skipna=False) != "string":
            raise DataError(
                f"Column group: expected text in every row, found {frame['group'].dtype}. The split hashes the text "
                "of a group, and a number or time can be written in several ways. Format it in dataset.py, for "
                "example as 2024-01-31."
            )
        return frame["group"]
    content = frame.drop(columns=["target", "key", "time"], errors="ignore")
    # A missing value elsewhere in a column turns its integers into floats; that must not change the hash of a row.
    numbers = content.select_dtypes(["number", "bool", "boolean"]).columns
    return hash_pandas_object(content.astype(dict.fromkeys(numbers, "float64")), index=False).map("{:016x}".format)
