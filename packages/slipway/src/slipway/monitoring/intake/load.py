"""Load the rows of a chunk store with their outcomes, in one order, whatever the chunks and the runs that made them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.bundle.manifest import Class
from slipway.contract import Field, Kind
from slipway.errors import SettingsError
from slipway.monitoring.intake.chunks import OUTCOMES, Chunk, ChunkCounts, list_chunks, read_stored_table
from slipway.monitoring.intake.logged_columns import to_column, to_instants
from slipway.monitoring.intake.outcomes import OutcomeRows, join_outcome_rows
from slipway.monitoring.intake.prediction_table import INPUT
from slipway.monitoring.intake.shadows import align_shadows
from slipway.monitoring.intake.traffic import LOGGED, LoadedLog, Traffic
from slipway.problem import Task

# Of more rows a sample is taken, by a hash of their identifiers. Rows of a day share their fate, so that a quarter of a
# million of them has hardly more noise than all; with 15 columns they take 60 MB.
MOST_ROWS = 1 << 18
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
Chunks = Sequence[tuple[Chunk, ChunkCounts]]


def load_traffic(
    store: Path,
    task: Task,
    classes: tuple[Class, ...],
    fields: Sequence[Field],
    clock: str = LOGGED,
    most_rows: int = MOST_ROWS,
) -> LoadedLog:
    """Load the rows of all chunks; of more than `most_rows` a sample, the same one in every run.

    Raises `SettingsError` for a clock that is no timestamp of the contract, or that no row has.
    """
    chunks = [(chunk, chunk.counts) for chunk in list_chunks(store)]
    logged = sum(sum(counts.rows) for _, counts in chunks)
    share = min(1.0, most_rows / max(1, logged))
    models = sorted({model for _, counts in chunks for model in counts.models})
    width = len(classes) if task is Task.MULTICLASS else 1
    rows, strange = _load_rows(chunks, models, fields, width, share)
    rows["clock"] = _clock(rows, fields, clock)
    rows = _in_order(rows)
    identifiers = np.stack([rows.pop("high"), rows.pop("low")], axis=1)
    joined = join_outcome_rows(identifiers, _load_outcomes(chunks, share), task, classes)
    traffic = Traffic(
        identifiers=identifiers,
        models=tuple(models),
        columns={field.name: rows.pop(f"{INPUT}{field.name}") for field in fields},
        target=joined.target,
        labelled=joined.labelled,
        arrived=joined.arrived,
        observed=joined.observed,
        shadow=align_shadows(identifiers, _load_shadows(chunks, share), width),
        **rows,
    )
    return LoadedLog(
        traffic=traffic,
        outcomes=joined,
        share=share,
        predictions=logged,
        damaged=sum(counts.damaged for _, counts in chunks),
        foreign=sum(counts.foreign for _, counts in chunks) + strange,
        probes=sum(counts.probes for _, counts in chunks),
    )


def _load_rows(
    chunks: Chunks, models: Sequence[str], fields: Sequence[Field], width: int, share: float
) -> tuple[dict[str, NDArray[Any]], int]:
    """Return the columns of all rows whose scores have `width` numbers, and how many rows have others."""
    parts, strange = [], 0
    for chunk, counts in chunks:
        for number, model in enumerate(counts.models):
            table = _read(chunk.predictions(number), share)
            if _width(table) == width:
                parts.append(_arrays(table, models.index(model), fields, width))
            else:
                strange += len(table)
    return _concatenate(parts, fields, width), strange


def _is_sampled(low: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Tell which rows are in a sample of the `share`, by a hash of the second half of their identifiers."""
    return (low * _GOLDEN >> np.uint64(32)).astype(np.float64) < share * 2.0**32


def _read(path: Path, share: float) -> pa.Table:
    """Return the rows of a chunk's file, or a sample of the `share`."""
    table = read_stored_table(path)
    return table if share >= 1 else table.filter(pa.array(_is_sampled(table["low"].to_numpy(), share)))


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


def _load_outcomes(chunks: Chunks, share: float) -> OutcomeRows:
    paths = [chunk.path / OUTCOMES for chunk, counts in chunks if counts.outcomes]
    return OutcomeRows.of([_read(path, share) for path in paths])


def _load_shadows(chunks: Chunks, share: float) -> list[tuple[str, pa.Table]]:
    return [
        (model, _read(chunk.shadow(number), share))
        for chunk, counts in chunks
        for number, model in enumerate(counts.shadows)
    ]
