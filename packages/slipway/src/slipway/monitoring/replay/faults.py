"""Read faults as they are typed (`unit:COLUMN`, `missing:COLUMN:0.3@2024-05-01..2024-05-14`), and inject them."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from slipway.contract import Field
from slipway.errors import DataError
from slipway.monitoring.replay.affected_rows import AffectedRows
from slipway.monitoring.replay.fault_kinds import KINDS

if TYPE_CHECKING:
    import pandas as pd

_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})?\.\.(\d{4}-\d{2}-\d{2})?")
DAY = "day"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a kind, its arguments, and the first and last day of it; None: from the first row, to the last."""

    text: str
    kind: str
    arguments: tuple[str, ...]
    begin: date | None = None
    end: date | None = None


def parse_fault(text: str) -> Fault:
    """Read one fault as it is typed; raises `DataError` that shows how its kind is written."""
    spec, at, period = text.partition("@")
    kind, arguments = _split_kind(spec, text)
    known = KINDS[kind]
    if not known.fewest <= len(arguments) <= known.most or not all(arguments):
        raise DataError(f"Fault {text!r}: expected {known.usage}, {known.help}.")
    begin, end = _parse_period(period, text) if at else (None, None)
    return Fault(text=text, kind=kind, arguments=arguments, begin=begin, end=end)


def inject_faults(frame: "pd.DataFrame", fields: Sequence[Field], faults: Iterable[Fault], seed: int) -> "pd.DataFrame":
    """Return the rows with every fault injected, in turn; `frame` is not changed.

    The rows have the contract's columns, `target`, the instants `time` and `settled` (when the outcome is known), and
    `day`, the date that the period of a fault is compared with. They must be in the order of `time`. The same seed
    gives the same rows. Raises `DataError` for a column or value that the fault cannot be injected into.
    """
    known = {field.name: field for field in fields}
    for fault in faults:
        frame = _inject_one(frame, known, fault, seed)
    return frame


def _inject_one(frame: "pd.DataFrame", fields: Mapping[str, Field], fault: Fault, seed: int) -> "pd.DataFrame":
    """Return the rows with one fault injected, as `inject_faults` does."""
    # Every fault draws for itself, so that one more does not change what the others hit.
    digest = hashlib.sha256(f"{seed}:{fault.text}".encode()).digest()
    affected = AffectedRows(frame.copy(), _within(frame, fault), fields, np.random.default_rng([*digest[:16]]))
    try:
        changed = KINDS[fault.kind].inject(affected, *fault.arguments)
    except DataError as error:
        raise DataError(f"Fault {fault.text!r}: {error}") from error
    return changed.reset_index(drop=True)


def _split_kind(spec: str, text: str) -> tuple[str, tuple[str, ...]]:
    first, *rest = spec.split(":")
    if first.startswith("drop-"):
        return "drop", (first.removeprefix("drop-"), *rest)
    if rest and (both := f"{first}:{rest[0]}") in KINDS:
        return both, tuple(rest[1:])
    if first not in KINDS or first == "drop":
        kinds = ", ".join(KINDS[name].usage for name in KINDS)
        raise DataError(f"Unknown fault {text!r}. Known: {kinds}. `slipway replay --list-faults` explains each.")
    return first, tuple(rest)


def _parse_period(period: str, text: str) -> tuple[date | None, date | None]:
    found = _PERIOD.fullmatch(period)
    try:
        begin, end = (date.fromisoformat(day) if day else None for day in found.groups()) if found else (None, None)
    except ValueError:
        begin = end = None
    if begin is None and end is None:
        raise DataError(
            f"Fault {text!r}: expected the first and the last day after @, as in @2024-05-01..2024-05-14; either may "
            f"be left out. Found {period!r}."
        )
    if begin and end and end < begin:
        raise DataError(f"Fault {text!r}: the last day, {end}, is before the first, {begin}.")
    return begin, end


def _within(frame: "pd.DataFrame", fault: Fault) -> np.ndarray[Any, np.dtype[np.bool_]]:
    import pandas as pd

    within = np.ones(len(frame), dtype=bool)
    if fault.begin:
        within &= (frame[DAY] >= pd.Timestamp(fault.begin)).to_numpy()
    if fault.end:
        within &= (frame[DAY] <= pd.Timestamp(fault.end)).to_numpy()
    return within
