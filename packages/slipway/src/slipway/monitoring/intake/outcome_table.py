"""Outcomes of the log as a table, a row for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from slipway.monitoring.intake.identifiers import parse_identifiers
from slipway.serving.log import Feedback


class OutcomeKind:
    """The kinds of an outcome: 1 and true are different ones."""

    BOOLEAN, NUMBER, TEXT = 0, 1, 2


def tabulate_outcomes(entries: Sequence[Feedback]) -> tuple[pa.Table, int]:
    """Return a row for each outcome, and the number of those whose identifiers are none."""
    own, about = (parse_identifiers([getattr(entry, name) for entry in entries]) for name in ("id", "prediction_id"))
    corrects = parse_identifiers([entry.supersedes or "" for entry in entries])
    outcomes = [entry.outcome for entry in entries]
    kinds = [_kind(outcome) for outcome in outcomes]
    texts = [value if kind == OutcomeKind.TEXT else None for value, kind in zip(outcomes, kinds, strict=True)]
    numbers = [None if kind == OutcomeKind.TEXT else float(value) for value, kind in zip(outcomes, kinds, strict=True)]
    instant = pa.timestamp("us", "UTC")
    table = pa.table(
        {
            "high": pa.array(about.high),
            "low": pa.array(about.low),
            "own_high": pa.array(own.high),
            "own_low": pa.array(own.low),
            "corrects_high": pa.array(np.where(corrects.valid, corrects.high, 0)),
            "corrects_low": pa.array(np.where(corrects.valid, corrects.low, 0)),
            "time": pa.array([entry.time for entry in entries], instant),
            "observed_at": pa.array([entry.observed_at for entry in entries], instant),
            "kind": pa.array(kinds, pa.int8()),
            "number": pa.array(numbers, pa.float64()),
            "text": pa.array(texts, pa.string()).dictionary_encode(),
        }
    )
    valid = own.valid & about.valid
    return table.filter(pa.array(valid)), int((~valid).sum())


def _kind(outcome: Any) -> int:
    if isinstance(outcome, bool):
        return OutcomeKind.BOOLEAN
    return OutcomeKind.TEXT if isinstance(outcome, str) else OutcomeKind.NUMBER
