"""Which rows are held out: whole groups, chosen by a salted hash, so that growing data never moves a row."""

import hashlib
from typing import TYPE_CHECKING

from slipway.errors import DataError
from slipway.params import SplitParams

if TYPE_CHECKING:
    import pandas as pd

# With fewer groups an interval over them says nothing, and one odd group decides a comparison.
FEWEST_GROUPS = 8


def is_held_out(group: str, split: SplitParams) -> bool:
    """Whether the hash of salt and group, as a share of all hashes, falls below `split.holdout`."""
    digest = hashlib.sha256(f"{split.salt}\0{group}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < split.holdout


def split_frame(frame: "pd.DataFrame", split: SplitParams) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Split into training set and holdout, both with a text column `group`.

    A dataset without groups is split by the content of its rows, so that equal rows stay together. Raises
    `DataError` where either part has fewer than `FEWEST_GROUPS` groups.
    """
    frame = frame.assign(group=_groups(frame))
    groups = frame["group"].unique().tolist()
    held = {group for group in groups if is_held_out(group, split)}
    if min(len(held), len(groups) - len(held)) < FEWEST_GROUPS:
        raise DataError(
            f"The split leaves {len(groups) - len(held)} groups for training and {len(held)} for the holdout, of "
            f"{len(groups)} in the dataset; each part needs {FEWEST_GROUPS} or more. Bring more data, choose a "
            f"finer group in dataset.py, or change split.holdout (now {split.holdout}) in params.yaml."
        )
    mask = frame["group"].isin(held)
    return frame[~mask].reset_index(drop=True), frame[mask].reset_index(drop=True)


def _groups(frame: "pd.DataFrame") -> "pd.Series":
    from pandas.api.types import infer_dtype
    from pandas.util import hash_pandas_object

    if "group" in frame:
        if infer_dtype(frame["group"], skipna=False) != "string":
            raise DataError(
                f"The column group must be text in every row, found {frame['group'].dtype}: a number or a time is "
                "written in more than one way, and the split goes by how it is written. Format it in dataset.py, "
                "say as 2024-01-31."
            )
        return frame["group"]
    content = frame.drop(columns=["target", "key", "time"], errors="ignore")
    # Whether a whole number is stored as integer or float depends on its neighbours, and must not move a row.
    numbers = content.select_dtypes(["number", "bool", "boolean"]).columns
    return hash_pandas_object(content.astype(dict.fromkeys(numbers, "float64")), index=False).map("{:016x}".format)
