"""Outcomes of the log as a table, a row for each."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.monitoring.intake.logged_columns import tabulate_times
from slipway.serving.log import Feedback


class OutcomeKind:
    """The kinds of an outcome: 1 and true are different ones."""

    BOOLEAN, NUMBER, TEXT = 0, 1, 2


def tabulate_outcomes(entries: Sequence[Feedback]) -> tuple[pa.Table, int]:
    """Return a row for each outcome, and the number of those whose identifiers are none."""
    own, about = (parse_identifiers([getattr(entry, name) for entry in entries]) for name in ("id", "prediction_id"))
    corrects = _parse_corrected([entry.supersedes or "" for entry in entries])
    outcomes = [entry.outcome for entry in entries]
    kind_of = {kind: _kind(kind) for kind in {*map(type, outcomes)}}
    texts = [value if isinstance(value, str) else None for value in outcomes] if str in kind_of else []
    numbers = [None if isinstance(value, str) else float(value) for value in outcomes]
    table = pa.table(
        {
            "high": pa.array(about.high),
            "low": pa.array(about.low),
            "own_high": pa.array(own.high),
            "own_low": pa.array(own.low),
            "corrects_high": pa.array(corrects[0]),
            "corrects_low": pa.array(corrects[1]),
            "time": tabulate_times([entry.time for entry in entries]),
            "observed_at": tabulate_times([entry.observed_at for entry in entries]),
            "kind": pa.array([kind_of[type(value)] for value in outcomes], pa.int8()),
            "number": pa.array(numbers, pa.float64()),
            "text": pa.array(texts or [None] * len(outcomes), pa.string()).dictionary_encode(),
        }
    )
    valid = own.valid & about.valid
    return table.filter(pa.array(valid)), int((~valid).sum())


def _parse_corrected(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return the two numbers of each identifier as two rows, 0 where there is none."""
    if not any(texts):
        return np.zeros((2, len(texts)), dtype=np.uint64)
    found = parse_identifiers(texts)
    return np.where(found.valid, [found.high, found.low], np.uint64(0))


def _kind(outcome: type) -> int:
    if outcome is bool:
        return OutcomeKind.BOOLEAN
    return OutcomeKind.TEXT if outcome is str else OutcomeKind.NUMBER
