"""Columns of a log: times as they are stored, and stored columns as those of the contract."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.columns import to_microseconds
from slipway.contract import Field, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_TIME = np.datetime64("NaT", "us")


def tabulate_times(times: Sequence[datetime | None]) -> pa.Array:
    """Return datetimes as instants; those without a zone are taken for UTC."""
    try:
        # The way over durations takes a quarter of the time.
        durations = pa.array([None if time is None else time - _EPOCH for time in times], pa.duration("us"))
    except TypeError:
        return pa.array(times, pa.timestamp("us", "UTC"))
    return durations.cast(pa.int64()).cast(pa.timestamp("us", "UTC"))


def to_instants(values: pa.ChunkedArray) -> NDArray[np.datetime64]:
    """Return timestamps as datetime64[us]."""
    return values.cast(pa.int64()).to_numpy().view("datetime64[us]")


def to_column(field: Field, values: pa.Array) -> NDArray[Any]:
    """Turn a logged column into the contract's; a value of another kind counts as missing."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    texts = values.dictionary if pa.types.is_dictionary(values.type) else None
    if field.kind is Kind.CATEGORY:
        if texts is None:
            return np.full(len(values), None, dtype=object)
        known = np.append(np.array(texts.to_pylist(), dtype=object), [None])
        return known[values.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]
    if field.kind is Kind.TIMESTAMP:
        if texts is None:
            return np.full(len(values), _NOT_A_TIME)
        times = np.append(_timestamps(texts, field.zoned), _NOT_A_TIME)
        return times[values.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]
    if texts is not None or pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _timestamps(texts: pa.Array, zoned: bool) -> NDArray[np.datetime64]:
    kind = pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")
    try:
        times = pc.cast(texts, kind)
    except pa.ArrowInvalid:
        # As clients send some: t and z, nanoseconds; or text of another column.
        return np.array([_instant(text, zoned) for text in texts.to_pylist()], np.int64).view("datetime64[us]")
    return np.asarray(times.cast(pa.int64()).to_numpy(zero_copy_only=False)).view("datetime64[us]")


def _instant(text: str, zoned: bool) -> int:
    """Read a timestamp as the service does, in microseconds since 1970; what is none counts as missing."""
    try:
        value = msgspec.convert(text, datetime)
        return to_microseconds(value if (value.tzinfo is not None) is zoned else None)
    except (msgspec.ValidationError, OverflowError):
        return to_microseconds(None)
