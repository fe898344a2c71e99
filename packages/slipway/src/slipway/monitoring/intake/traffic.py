"""The logged rows of a time, each with its outcome where one is known: what every figure is computed from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from slipway.bundle.manifest import Class
from slipway.columns import Columns, take_rows
from slipway.contract import Field, Kind
from slipway.errors import SettingsError
from slipway.monitoring.intake.block import INPUT
from slipway.monitoring.intake.chunks import OUTCOMES, Chunk, list_chunks
from slipway.monitoring.intake.logged_columns import to_column, to_instants
from slipway.monitoring.intake.outcomes import JoinedOutcomes, OutcomeRows, join_outcome_rows
from slipway.monitoring.intake.shadows import ShadowScores, align_shadows
from slipway.problem import Task

# The clock of the log itself: when a row was predicted.
LOGGED = "logged"
# Of more rows a sample is taken, by a hash of their identifiers. Rows of a day share their fate, so that a quarter of a
# million of them has hardly more noise than all; with 15 columns they take 60 MB.
MOST_ROWS = 1 << 18
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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
    """What a store holds: its rows, or a sample of the `share`; the counts are of the sample as well."""

    traffic: Traffic
    outcomes: JoinedOutcomes
    share: float
    predictions: int
    damaged: int
    foreign: int


def load_traffic(
    store: Path,
    task: Task,
    classes: tuple[Class, ...],
    fields: Sequence[Field],
    clock: str = LOGGED,
    most_rows: int = MOST_ROWS,
) -> LoadedLog:
    """Load the rows of all chunks, in the same order whatever the chunks; of more than `most_rows` a sample.

    Raises `SettingsError` for a clock that is no timestamp of the contract.
    """
    chunks = [(chunk, chunk.counts) for chunk in list_chunks(store)]
    logged = sum(sum(counts.rows) for _, counts in chunks)
    share = min(1.0, most_rows / max(1, logged))
    models = sorted({model for _, counts in chunks for model in counts.models})
    width = len(classes) if task is Task.MULTICLASS else 1
    parts, strange = [], 0
    for chunk, counts in chunks:
        for number, model in enumerate(counts.models):
            table = _sample(pq.read_table(chunk.predictions(number)), share)
            if _width(table) == width:
                parts.append(_arrays(table, models.index(model), fields, width))
            else:
                strange += len(table)
    rows = _concatenate(parts, fields, width)
    rows["clock"] = _clock(rows, fields, clock)
    rows = _in_order(rows)
    found = _load_outcomes([chunk for chunk, counts in chunks if counts.outcomes], share)
    identifiers = np.stack([rows.pop("high"), rows.pop("low")], axis=1)
    joined = join_outcome_rows(identifiers, found, task, classes)
    shadows = [
        (model, _sample(pq.read_table(chunk.shadow(number)), share))
        for chunk, counts in chunks
        for number, model in enumerate(counts.shadows)
    ]
    return LoadedLog(
        traffic=Traffic(
            identifiers=identifiers,
            models=tuple(models),
            columns={field.name: rows.pop(f"{INPUT}{field.name}") for field in fields},
            target=joined.target,
            labelled=joined.labelled,
            arrived=joined.arrived,
            observed=joined.observed,
            shadow=align_shadows(identifiers, shadows, width),
            **rows,
        ),
        outcomes=joined,
        share=share,
        predictions=logged,
        damaged=sum(counts.damaged for _, counts in chunks),
        foreign=sum(counts.foreign for _, counts in chunks) + strange,
    )


def is_sampled(low: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Tell which rows are in a sample of the `share`, by a hash of the second half of their identifiers."""
    return (low * _GOLDEN >> np.uint64(32)).astype(np.float64) < share * 2.0**32


def _sample(table: pa.Table, share: float) -> pa.Table:
    return table if share >= 1 else table.filter(pa.array(is_sampled(table["low"].to_numpy(), share)))


def _width(table: pa.Table) -> int:
    kind = table.schema.field("score").type
    if not pa.types.is_list(kind):
        return 1
    return len(table["score"][0]) if len(table) else 0


def _arrays(table: pa.Table, model: int, fields: Sequence[Field], width: int) -> dict[str, NDArray[Any]]:
    scores = table["score"].combine_chunks()
    if pa.types.is_list(scores.type):
        scores = scores.flatten()
    arrays = {
        "high": table["high"].to_numpy(),
        "low": table["low"].to_numpy(),
        "logged": to_instants(table["time"]),
        "model": np.full(len(table), model, dtype=np.intp),
        "latency_us": table["latency_us"].to_numpy(),
        "position": table["position"].to_numpy(),
        "scores": np.asarray(scores.to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, width),
        "has_inputs": table["logged_inputs"].to_numpy(zero_copy_only=False),
    }
    given = set(table.column_names)
    for field in fields:
        sent = f"{INPUT}{field.wire_name}"
        values = table[sent].combine_chunks() if sent in given else pa.nulls(len(table))
        arrays[f"{INPUT}{field.name}"] = to_column(field, values)
    return arrays


def _concatenate(
    parts: Sequence[dict[str, NDArray[Any]]], fields: Sequence[Field], width: int
) -> dict[str, NDArray[Any]]:
    parts = parts or [_no_rows(fields, width)]
    # One column after the other, so that no more than one is there twice.
    rows = {name: np.concatenate([part.pop(name) for part in parts]) for name in [*parts[0]]}
    if width == 1:
        rows["scores"] = rows["scores"].reshape(-1)
    return rows


def _no_rows(fields: Sequence[Field], width: int) -> dict[str, NDArray[Any]]:
    table = pa.table(
        {
            "high": pa.array([], pa.uint64()),
            "low": pa.array([], pa.uint64()),
            "time": pa.array([], pa.timestamp("us", "UTC")),
            "latency_us": pa.array([], pa.int64()),
            "position": pa.array([], pa.int32()),
            "score": pa.array([], pa.float64()),
            "logged_inputs": pa.array([], pa.bool_()),
        }
    )
    return _arrays(table, 0, fields, width)


def _clock(rows: dict[str, NDArray[Any]], fields: Sequence[Field], clock: str) -> NDArray[np.datetime64]:
    if clock == LOGGED:
        return rows["logged"]
    times = [field.name for field in fields if field.kind is Kind.TIMESTAMP]
    if clock not in times:
        raise SettingsError(
            f"monitor.yaml: clock: expected {LOGGED} or a timestamp of the contract ({', '.join(times) or 'none'}), "
            f"found {clock!r}. Fix it."
        )
    found = rows[f"{INPUT}{clock}"]
    if len(found) and np.isnat(found).all():
        raise SettingsError(
            f"monitor.yaml: clock: no row of the log has the column {clock}. Write `clock: {LOGGED}` where inputs are "
            "not logged."
        )
    return found


def _in_order(rows: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Sort by clock and identifier; of rows with one identifier the last is kept, rows without a clock are left out."""
    order = np.lexsort((rows["logged"], rows["low"], rows["high"]))
    high, low = rows["high"][order], rows["low"][order]
    last = np.append((high[1:] != high[:-1]) | (low[1:] != low[:-1]), True)[: len(order)]
    kept = order[last & ~np.isnat(rows["clock"][order])]
    kept = kept[np.argsort(rows["clock"][kept], kind="stable")]
    for name in rows:
        rows[name] = rows[name][kept]
    return rows


def _load_outcomes(chunks: Sequence[Chunk], share: float) -> OutcomeRows:
    tables = [_sample(pq.read_table(chunk.path / OUTCOMES), share) for chunk in chunks]
    return OutcomeRows.of(tables)
