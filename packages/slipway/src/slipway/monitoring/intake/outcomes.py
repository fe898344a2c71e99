"""Join outcomes with predictions by identifier, in whatever order they came; conflicts are settled as in the log."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.bundle.manifest import Class
from slipway.monitoring.intake.identifiers import match_identifiers
from slipway.monitoring.intake.outcome_table import OutcomeKind
from slipway.problem import Task
from slipway.serving.identifiers import format_identifier
from slipway.serving.log import Feedback
from slipway.serving.log.join import settle_outcomes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OutcomeRows(NamedTuple):
    """Outcomes as they were logged; `values` are positions in `outcomes`, which holds each value once."""

    about: NDArray[np.uint64]
    own: NDArray[np.uint64]
    corrects: NDArray[np.uint64]
    time: NDArray[np.int64]
    observed: NDArray[np.int64]
    values: NDArray[np.intp]
    outcomes: tuple[Any, ...]

    @classmethod
    def of(cls, tables: Sequence[pa.Table]) -> "OutcomeRows":
        """Put tables of chunks together."""
        if not tables:
            none, no_ids = np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.uint64)
            return cls(no_ids, no_ids, no_ids, none, none, none.astype(np.intp), ())
        known: dict[tuple[int, Any], int] = {}
        values = np.concatenate([_positions(table, known) for table in tables])
        about, own, corrects = (_pairs(tables, prefix) for prefix in ("", "own_", "corrects_"))
        time, observed = (
            np.concatenate([_microseconds(table[name]) for table in tables]) for name in ("time", "observed_at")
        )
        return cls(about, own, corrects, time, observed, values, tuple(value for _, value in known))


class JoinedOutcomes(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The outcome of each prediction, in their order, and what became of the rest of the outcomes.

    `arrived` is when the outcome came into the log, `observed` when its sender says that it was observed (or NaT).
    `unknown` counts those whose prediction is not among them, `strange` those that are no class of the model.
    """

    target: NDArray[Any]
    labelled: NDArray[np.bool_]
    arrived: NDArray[np.datetime64]
    observed: NDArray[np.datetime64]
    repeated: int
    superseded: int
    conflicting: int
    unknown: int
    strange: int


def join_outcome_rows(
    identifiers: NDArray[np.uint64], rows: OutcomeRows, task: Task, classes: tuple[Class, ...]
) -> JoinedOutcomes:
    """Join outcomes with the predictions of these identifiers, none of which is there twice."""
    meanings = _meanings(rows.outcomes, task, classes)
    prediction = match_identifiers(identifiers, rows.about)
    known = np.flatnonzero(prediction >= 0)
    # The same feedback twice is one: the log may have been copied.
    order = known[np.lexsort((rows.time[known], rows.own[known, 1], rows.own[known, 0], prediction[known]))]
    count = np.bincount(prediction[order], minlength=len(identifiers))
    single = order[count[prediction[order]] == 1]
    value = np.full(len(identifiers), -1, dtype=np.intp)
    first = np.full(len(identifiers), -1, dtype=np.intp)
    value[prediction[single]] = rows.values[single]
    first[prediction[single]] = single
    repeated = superseded = conflicting = 0
    several = order[count[prediction[order]] > 1]
    for group in np.split(several, np.flatnonzero(np.diff(prediction[several])) + 1) if len(several) else ():
        settled = settle_outcomes(_as_feedback(rows, group))
        repeated += settled.repeated
        superseded += settled.superseded
        conflicting += len(settled.outcomes) > 1
        if len(settled.outcomes) == 1:
            same = [at for at in group if _equal(rows.outcomes[rows.values[at]], settled.outcomes[0])]
            value[prediction[group[0]]] = rows.values[same[0]]
            first[prediction[group[0]]] = min(same, key=lambda at: rows.time[at])
    target = np.where(value >= 0, meanings[value], np.nan) if len(meanings) else np.full(len(identifiers), np.nan)
    labelled = ~np.isnan(target)
    return JoinedOutcomes(
        target=target if task is Task.REGRESSION else np.where(labelled, target, -1).astype(np.intp),
        labelled=labelled,
        arrived=_take_times(rows.time, first),
        observed=_take_times(rows.observed, first),
        repeated=repeated,
        superseded=superseded,
        conflicting=conflicting,
        unknown=int(len(prediction) - len(known)),
        strange=int(np.count_nonzero((value >= 0) & ~labelled)),
    )


_MISSING = np.iinfo(np.int64).min


def _pairs(tables: Sequence[pa.Table], prefix: str) -> NDArray[np.uint64]:
    """Return identifiers as rows of two numbers."""
    halves = [(table[f"{prefix}high"].to_numpy(), table[f"{prefix}low"].to_numpy()) for table in tables]
    return np.concatenate([np.stack(pair, axis=1) for pair in halves])


def _take_times(times: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[np.datetime64]:
    """Return the times of the rows, NaT for a row of -1."""
    return np.append(times, _MISSING)[rows].view("datetime64[us]")


def _microseconds(values: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(values.cast(pa.int64()).fill_null(int(_MISSING)).to_numpy(), dtype=np.int64)


def _positions(table: pa.Table, known: dict[tuple[int, Any], int]) -> NDArray[np.intp]:
    """Return the position of each outcome in `known`, which grows."""
    kinds, numbers = table["kind"].to_pylist(), table["number"].to_pylist()
    texts = table["text"].to_pylist()
    found = []
    for kind, number, text in zip(kinds, numbers, texts, strict=True):
        value = text if kind == OutcomeKind.TEXT else bool(number) if kind == OutcomeKind.BOOLEAN else number
        found.append(known.setdefault((kind, value), len(known)))
    return np.array(found, dtype=np.intp)


def _meanings(outcomes: Sequence[Any], task: Task, classes: tuple[Class, ...]) -> NDArray[np.float64]:
    """Return the target of each outcome: its value, or the position of its class; NaN where it is neither."""
    if task is Task.REGRESSION:
        return np.array([np.nan if isinstance(each, str | bool) else each for each in outcomes], dtype=np.float64)
    return np.array(
        [next((at for at, name in enumerate(classes) if _equal(name, value)), np.nan) for value in outcomes],
        dtype=np.float64,
    )


def _equal(one: Any, other: Any) -> bool:
    """Return whether outcomes are the same: 1 and 1.0 are, 1 and true are not."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _as_feedback(rows: OutcomeRows, group: NDArray[np.intp]) -> dict[str, Feedback]:
    """Return the feedback of one prediction by identifier, in the order of time."""
    found = {}
    for at in sorted(group.tolist(), key=lambda row: (rows.time[row], rows.own[row, 0], rows.own[row, 1])):
        corrects = _identifier(rows.corrects[at])
        outcome = rows.outcomes[rows.values[at]]
        own = _identifier(rows.own[at])
        found[own] = Feedback(own, _EPOCH, _identifier(rows.about[at]), outcome, supersedes=corrects)
    return found


def _identifier(pair: NDArray[np.uint64]) -> str:
    return format_identifier(int(pair[0]) << 64 | int(pair[1]))
