"""Faults of the outcomes: wrong, lost, late, or the result of a world that has changed."""

from typing import TYPE_CHECKING

import numpy as np

from slipway.monitoring.replay.affected_rows import AffectedRows, read_number

if TYPE_CHECKING:
    import pandas as pd


def flip_outcomes(rows: AffectedRows, share: str) -> "pd.DataFrame":
    """Negate the outcomes of a yes/no question; exchange those of another question among the rows drawn."""
    chosen, target = rows.share(share), rows.frame["target"]
    if target.dtype == bool:
        rows.frame["target"] = target ^ chosen
    else:
        rows.frame.loc[chosen, "target"] = rows.draw.permutation(target[chosen].to_numpy())
    return rows.frame


def lose_outcomes(rows: AffectedRows, share: str) -> "pd.DataFrame":
    """Lose a share of the outcomes: they never come."""
    rows.frame["settled"] = rows.frame["settled"].mask(rows.share(share))
    return rows.frame


def delay_outcomes(rows: AffectedRows, hours: str) -> "pd.DataFrame":
    """Let every outcome come that many hours later."""
    import pandas as pd

    settled = rows.frame["settled"]
    rows.frame["settled"] = settled.mask(rows.within, settled + pd.Timedelta(hours=read_number(hours)))
    return rows.frame


def change_outcomes(rows: AffectedRows, condition: str, share: str) -> "pd.DataFrame":
    """Change what follows from the same inputs: a share of other outcomes becomes the last class, a number grows."""
    part, target = rows.having(condition), rows.frame["target"]
    if target.dtype == bool:
        rows.frame["target"] = target | (part & rows.share(share))
    elif np.issubdtype(target.to_numpy().dtype, np.number):
        rows.frame["target"] = target.mask(part, target * (1 + read_number(share)))
    else:
        rows.frame["target"] = target.mask(part & rows.share(share), max(target))
    return rows.frame
