"""The typed result of a retrain: how it ended, what changed in the data, the gate's verdict, the branch."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from slipway.gate.result import GateResult


class RetrainEnd(StrEnum):
    """The end of a retrain; only `proposed` leaves a branch, and only the last three have trained a model."""

    COOLING = "cooling down"
    TOO_FEW = "too few new outcomes"
    DRY_RUN = "dry run"
    PROPOSED = "proposed"
    KEPT = "kept"
    REFUSED = "refused"

    @property
    def trained(self) -> bool:
        """Return whether a model was trained and judged."""
        return self in (RetrainEnd.PROPOSED, RetrainEnd.KEPT, RetrainEnd.REFUSED)


class DataChange(msgspec.Struct, frozen=True, kw_only=True):
    """The new part of the dataset: rows, the last time, the mean outcome, files, and by column what never occurred.

    `mean_before` and `mean_new` are the share of the last class (binary) or the mean of a number, None for classes;
    `source` says of rows of a log which ones they are; `missing` holds columns whose share of missing values differs by
    more than a hundredth: before, and in the new rows.
    """

    rows_before: int
    rows_new: int
    last_before: datetime | None = None
    last_after: datetime | None = None
    mean_before: float | None = None
    mean_new: float | None = None
    source: str = ""
    files: tuple[str, ...] = ()
    unseen: dict[str, int] = {}
    missing: dict[str, tuple[float, float]] = {}


class RetrainResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of `slipway retrain`; `sentence` says how it ended and why.

    `report` is `retrain.md` as text: the monitor's figures, the gate's report, and what changed in the data. `branch`
    and `commit` are None unless it ended as `proposed`.
    """

    environment: str
    until: date
    end: RetrainEnd
    sentence: str
    data: DataChange | None = None
    gate: GateResult | None = None
    branch: str | None = None
    commit: str | None = None
    report: str = ""
