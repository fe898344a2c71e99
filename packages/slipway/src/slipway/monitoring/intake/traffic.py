"""The logged rows of a time, each with its outcome where one is known: what every figure is computed from."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns, take_rows
from slipway.monitoring.intake.outcomes import JoinedOutcomes
from slipway.monitoring.intake.shadows import ShadowScores

# The clock of the log itself: when a row was predicted.
LOGGED = "logged"


class Traffic(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Logged rows in the order of the clock and their identifiers.

    `identifiers` are those of the predictions, two numbers each. `clock` and `logged` are datetime64[us] in UTC
    (`clock` in the time of the contract's column); `model` is the position of each row's release in `models`;
    `position` that of the row in its request. `target` holds positions in the classes, or values for a regression,
    where `labelled`; `arrived` is when the outcome came into the log, `observed` when its sender says that it was
    observed. `columns` are the contract's, missing in rows without `has_inputs`. `shadow` has the scores of bundles
    that shadowed these rows.
    """

    identifiers: NDArray[np.uint64]
    clock: NDArray[np.datetime64]
    logged: NDArray[np.datetime64]
    model: NDArray[np.intp]
    models: tuple[str, ...]
    latency_us: NDArray[np.int64]
    position: NDArray[np.int32]
    scores: NDArray[np.float64]
    target: NDArray[Any]
    labelled: NDArray[np.bool_]
    arrived: NDArray[np.datetime64]
    observed: NDArray[np.datetime64]
    has_inputs: NDArray[np.bool_]
    columns: Columns
    shadow: ShadowScores

    def __len__(self) -> int:
        return len(self.clock)

    def take(self, rows: Any) -> "Traffic":
        """Return some of the rows (a slice, positions or a mask)."""
        others = ("models", "columns", "shadow")
        arrays = {name: getattr(self, name)[rows] for name in self.__struct_fields__ if name not in others}
        columns, shadow = take_rows(self.columns, rows), self.shadow.take(rows)
        return msgspec.structs.replace(self, **arrays, columns=columns, shadow=shadow)

    def between(self, start: np.datetime64, end: np.datetime64) -> "Traffic":
        """Return the rows whose clock is from `start` to before `end`."""
        first, last = np.searchsorted(self.clock, [start, end])
        return self.take(slice(int(first), int(last)))

    def days(self) -> NDArray[np.datetime64]:
        """Return the day of each row's clock: the rows of a day are a group."""
        return self.clock.astype("datetime64[D]")


class LoadedLog(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The content of a store: its rows, or a sample of the `share`; the counts are of the sample as well."""

    traffic: Traffic
    outcomes: JoinedOutcomes
    share: float
    predictions: int
    damaged: int
    foreign: int
    probes: int
