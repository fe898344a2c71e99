"""Faults of the traffic: fields and rows that are sent under another name, not at all, or twice."""

from typing import TYPE_CHECKING

from slipway.monitoring.replay.affected_rows import AffectedRows

if TYPE_CHECKING:
    import pandas as pd

# A column of booleans: the rows in which a field is sent under another name.
RENAMED = "renamed:"


def rename_field(rows: AffectedRows, column: str) -> "pd.DataFrame":
    """Send the field under another name."""
    rows.field(column)
    rows.frame[RENAMED + column] = rows.within
    return rows.frame


def drop_rows(rows: AffectedRows, column: str, value: str) -> "pd.DataFrame":
    """Drop the rows that have a value of the column."""
    return rows.frame[~rows.having(f"{column}={value}")]


def duplicate_rows(rows: AffectedRows, share: str) -> "pd.DataFrame":
    """Send a share of the rows twice."""
    again = rows.share(share)
    return rows.frame.loc[rows.frame.index.repeat(1 + again)]
