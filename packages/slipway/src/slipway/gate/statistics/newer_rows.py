"""Compare two models on the held-out rows that are later than everything that production's was trained on."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slipway.bundle.profile import Order, Profile
from slipway.evaluation.scored import Scored, restrict_rows
from slipway.evaluation.slices import FEWEST_GROUPS
from slipway.figures import Figure
from slipway.gate.rules import GateRules
from slipway.gate.statistics.comparison import compare_part
from slipway.gate.statistics.paired import difference_interval
from slipway.params import EvaluateParams

if TYPE_CHECKING:
    import pandas as pd


class NewerRows(NamedTuple):
    """The positions of held-out rows after `day`, production's last training day, and the number of their groups.

    `gain` is the loss of production less the candidate's, as a share of production's, and `bound` the upper end of its
    one-sided interval. `obstacle` says why there is no comparison; empty where there is one.
    """

    rows: NDArray[np.intp]
    groups: int = 0
    day: datetime | None = None
    gain: Figure | None = None
    bound: float | None = None
    obstacle: str = ""


def find_newer_rows(profile: Profile, holdout: "pd.DataFrame", among: NDArray[np.intp]) -> NewerRows:
    """Find the rows of `among` that are later than the last day of `profile`, that of production's training set.

    Days of fewer than a hundred training rows are joined in a profile, and the first of the last joined ones counts.
    """
    nothing = NewerRows(among[:0])
    if "time" not in holdout:
        return nothing._replace(obstacle="the dataset has no column `time`")
    if profile.blocks is None:
        return nothing._replace(obstacle="production's bundle is too old to hold the days of its training set")
    if profile.blocks.order is not Order.DAYS:
        return nothing._replace(obstacle="production's model was trained on rows without `time`")
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=profile.blocks.days[-1])
    groups, later = _later_rows(holdout.iloc[among], day)
    return NewerRows(
        among[later], groups, day, obstacle="" if groups else f"no held-out row is later than {day:%Y-%m-%d}"
    )


def compare_newer(
    found: NewerRows, candidate: Scored, production: Scored, primary: str, rules: GateRules, params: EvaluateParams
) -> NewerRows:
    """Compare the losses on the rows that were found; fewer than a part of a slice needs are an obstacle."""
    if found.obstacle:
        return found
    ours, theirs = (restrict_rows(side, found.rows) for side in (candidate, production))
    compared = compare_part(ours, theirs, primary, rules, params)
    if compared is None or compared.error is None:
        told = f"{len(found.rows):,} held-out rows in {found.groups:,} groups are later than {found.day:%Y-%m-%d}"
        enough = len(found.rows) >= rules.slice_rows and found.groups >= FEWEST_GROUPS
        lacking = f"{primary} is undefined there" if enough else f"expected {rules.slice_rows:,} in {FEWEST_GROUPS}"
        return found._replace(obstacle=f"{told}, {lacking}")
    bound = difference_interval(compared, 2 * rules.level - 1).high
    return found._replace(gain=difference_interval(compared, rules.level), bound=bound)


def _later_rows(frame: "pd.DataFrame", day: datetime) -> tuple[int, NDArray[np.bool_]]:
    import pandas as pd

    later = (pd.to_datetime(frame["time"], utc=True) >= day + timedelta(days=1)).to_numpy(dtype=bool)
    return int(frame["group"][later].nunique()), later
