"""Score a file: read, check, score and write, one batch at a time."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.batch.plan import Plan
from slipway.batch.tables import Source, new_table, read_ahead, read_batches
from slipway.bundle import Bundle
from slipway.columns import Columns, count_rows, take_rows
from slipway.errors import DataError, ScoringError
from slipway.rows.check import WHOLE_ROW, Fault, check_batch

EXAMPLES = 3
_NO_SCORE = "expected a finite score, found none"
# A contract that checks whole rows may put values into its reasons: more than this many are counted together.
_REASONS, _FURTHER = 100, "other reasons"

Progress = Callable[[int], None]
# Logs rows with their scores and returns their identifiers.
Log = Callable[[Columns, NDArray[np.float64]], list[str]]


class Reason(msgspec.Struct, frozen=True):
    """Rows without a score for one reason; `examples` numbers the first of them, from 1 through all of IN."""

    column: str
    rule: str
    rows: int
    examples: tuple[int, ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run; `Plan` explains the names."""

    out: str
    digest: str
    rows: int
    invalid: int
    seconds: float
    rows_per_second: int
    kept: tuple[str, ...]
    ignored: tuple[str, ...]
    absent: tuple[str, ...]
    reasons: tuple[Reason, ...]


def score_file(plan: Plan, progress: Progress = lambda _: None, log: Log | None = None) -> Summary:
    """Write scores and labels to OUT, in the order of IN; `progress` is called with the rows done so far.

    An identified plan needs a `log`, which is called with the rows that have a score.

    Raises `DataError` for a damaged file, a row that breaks the contract, or an OUT that cannot be written;
    `ScoringError` for a valid row without a score. OUT is then unchanged.
    """
    started = time.perf_counter()
    done = 0
    reasons: dict[tuple[str, str], Reason] = {}
    with new_table(plan.out, plan.schema) as write:
        for source in plan.sources:
            before = done
            for batch in read_ahead(read_batches(source, *_to_read(plan, source))):
                table, faults = _score_batch(plan, source, batch, done - before, log)
                write(table)
                _add(reasons, faults, done)
                done += batch.num_rows
                progress(done)
    seconds = time.perf_counter() - started
    return Summary(
        out=str(plan.out),
        digest=plan.bundle.digest,
        rows=done,
        invalid=sum(reason.rows for reason in reasons.values()),
        seconds=round(seconds, 3),
        rows_per_second=round(done / seconds),
        kept=plan.kept,
        ignored=plan.ignored,
        absent=plan.absent,
        reasons=tuple(sorted(reasons.values(), key=lambda reason: -reason.rows)),
    )


def _to_read(plan: Plan, source: Source) -> tuple[list[str], set[str]]:
    """Return the columns to read, and those whose texts may be read as codes because OUT does not keep them."""
    present = [rule.name for rule in plan.rules if rule.name in source.schema.names]
    return list(dict.fromkeys([*present, *plan.kept])), set(present) - set(plan.kept)


def _score_batch(
    plan: Plan, source: Source, batch: pa.RecordBatch, before: int, log: Log | None
) -> tuple[pa.RecordBatch, list[Fault]]:
    """Return the rows of OUT for a batch with `before` rows of its file before it, and the faults among them."""
    try:
        columns, valid, faults = check_batch(plan.bundle.contract, plan.rules, batch, source.is_csv)
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} holds text that is not UTF-8 ({error.reason}). Write it again.") from error
    if faults and not plan.skip:
        raise DataError(_explain(source, faults, before))
    scores, scored = _score(plan.bundle, columns)
    if not scored.all():
        without = Fault(WHOLE_ROW, _NO_SCORE, np.flatnonzero(valid)[~scored])
        if not plan.skip:
            raise ScoringError(_explain(source, [without], before))
        faults = [*faults, without]
        valid = valid.copy()
        valid[without.rows] = False
        columns = take_rows(columns, scored)
    return _table(plan, batch, scores, valid, log(columns, scores) if log else []), faults


def _score(bundle: Bundle, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the scores of the rows that have one, and a mask of them; the others are found by bisection."""
    rows = count_rows(columns)
    try:
        return bundle.score(columns), np.ones(rows, dtype=bool)
    except ScoringError:
        if rows == 1:
            return bundle.score(take_rows(columns, slice(0, 0))), np.zeros(1, dtype=bool)
    halves = [_score(bundle, take_rows(columns, half)) for half in (slice(rows // 2), slice(rows // 2, None))]
    return np.concatenate([scores for scores, _ in halves]), np.concatenate([scored for _, scored in halves])


def _table(
    plan: Plan, batch: pa.RecordBatch, scores: NDArray[np.float64], valid: NDArray[np.bool_], identifiers: list[str]
) -> pa.RecordBatch:
    predictions: list[Any] = [*plan.bundle.name_predictions(scores).values()]
    predictions += [identifiers] if plan.identified else []
    columns = [*(batch.column(name) for name in plan.kept), *(_spread(values, valid) for values in predictions)]
    fitting = [column.cast(field.type) for column, field in zip(columns, plan.schema, strict=True)]
    return pa.record_batch(fitting, schema=plan.schema)


def _spread(values: NDArray[Any] | list[str], valid: NDArray[np.bool_]) -> pa.Array:
    """Put the values in the places of the valid rows, null in the others."""
    array = pa.array(values, None if len(values) or not isinstance(values, list) else pa.string())
    return array if valid.all() else array.take(pa.array(valid.cumsum() - 1, mask=~valid))


def _explain(source: Source, faults: list[Fault], before: int) -> str:
    first = min(faults, key=lambda fault: fault.rows[0])
    row, *others = (f"{before + row + 1:,}" for row in first.rows[:EXAMPLES].tolist())
    also = f"; also row {' and row '.join(others)}" if others else ""
    column = "" if first.column == WHOLE_ROW else f", column {first.column}"
    return (
        f"{source.path}, row {row}{column}: {first.rule}{also}. Fix these rows and others like them, or add "
        "`--invalid skip` to leave their score and label empty."
    )


def _add(reasons: dict[tuple[str, str], Reason], faults: list[Fault], before: int) -> None:
    for column, rule, rows in faults:
        key = (column, rule) if (column, rule) in reasons or len(reasons) < _REASONS else (WHOLE_ROW, _FURTHER)
        known = reasons.get(key, Reason(*key, 0, ()))
        examples = (known.examples + tuple((rows[:EXAMPLES] + before + 1).tolist()))[:EXAMPLES]
        reasons[key] = Reason(*key, known.rows + len(rows), examples)
