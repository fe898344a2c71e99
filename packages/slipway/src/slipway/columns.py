"""Convert rows to columns, the form in which features, training and scoring work on data.

Numbers, integers and booleans are float64 with NaN for missing; categories are objects (str or None); timestamps
are datetime64[us] with NaT, in UTC where the contract asks for a time zone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.contract import Field, Kind

Columns = dict[str, NDArray[Any]]
Values = dict[str, tuple[Any, ...]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = (datetime.min - _LOCAL_EPOCH).days, (datetime.max - _LOCAL_EPOCH).days
_FIRST_MICROSECOND, _LAST_MICROSECOND = _FIRST_DAY * 86_400_000_000, (_LAST_DAY + 1) * 86_400_000_000 - 1
_OUTSIDE = "the time is outside of the years 1 to 9999"
_NOT_A_TIME = -(1 << 63)
# RFC 3339 demands seconds, which the inputs of browsers and many people leave out.
_WITHOUT_SECONDS = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
# Beyond this a float does not hold every whole number, so it cannot stand for one.
_WHOLE = 2.0**53


def rows_to_columns(fields: Sequence[Field], rows: Sequence[msgspec.Struct]) -> Columns:
    """Convert validated rows to columns: for each field an array with a value per row."""
    return values_to_columns(fields, rows_to_values(rows) if rows else {field.name: () for field in fields})


def rows_to_values(rows: Sequence[msgspec.Struct]) -> Values:
    """List the values of each field, in the order of the rows, of which there is one at least."""
    values = zip(*map(msgspec.structs.astuple, rows), strict=True)
    return dict(zip(type(rows[0]).__struct_fields__, values, strict=True))


def values_to_columns(fields: Sequence[Field], values: Values) -> Columns:
    """Convert the values of validated rows to columns."""
    return {field.name: _column(field, values[field.name]) for field in fields}


def frame_to_columns(fields: Sequence[Field], frame: Mapping[str, Any]) -> Columns:
    """Convert a data frame, or another mapping of names to arrays, that has the contract's columns."""
    return {field.name: _column(field, frame[field.name]) for field in fields}


def columns_to_rows(fields: Sequence[Field], columns: Columns) -> list[dict[str, Any]]:
    """Convert columns to plain rows as a client would send them, by the names of clients; missing values are None."""
    return _plain_rows(fields, columns, [field.wire_name for field in fields])


def columns_to_arguments(fields: Sequence[Field], columns: Columns) -> list[dict[str, Any]]:
    """Convert columns to the arguments of the contract's struct, by the names of its fields; missing ones are None."""
    return _plain_rows(fields, columns, [field.name for field in fields])


def count_rows(columns: Columns) -> int:
    """Return the number of rows."""
    return len(next(iter(columns.values())))


def take_rows(columns: Columns, index: Any) -> Columns:
    """Return the rows at `index` (a slice, positions or a mask)."""
    return {name: values[index] for name, values in columns.items()}


def spread_rows(rows: int, most: int) -> NDArray[np.intp]:
    """Return the positions of all rows, or of an even spread of at most `most`."""
    return np.unique(np.linspace(0, max(0, rows - 1), min(rows, most)).astype(np.intp))


def _column(field: Field, values: Any) -> NDArray[Any]:
    if field.kind is Kind.CATEGORY:
        return _categories(values)
    if field.kind is Kind.TIMESTAMP:
        return _timestamps(values)
    if isinstance(values, list | tuple):
        return _numbers(values)
    return np.asarray(values.astype("float64"), dtype=np.float64)


def _numbers(values: Sequence[Any]) -> NDArray[Any]:
    try:
        # At two thirds of the time, where no value is missing.
        return np.fromiter(values, np.float64, len(values))
    except TypeError:
        # numpy writes NaN for None.
        return np.array(values, dtype=np.float64)


def _categories(values: Any) -> NDArray[Any]:
    if isinstance(values, list | tuple):
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column
    # Equal texts become one object, which takes a tenth of the memory; missing ones have the code -1, the last.
    codes, known = values.factorize()
    return np.append(np.asarray(known, dtype=object), [None])[codes]


def to_microseconds(value: datetime | None) -> int:
    """Convert a timestamp to microseconds since 1970, in UTC if it has a time zone; None to what numpy reads as NaT.

    Raises `OverflowError` for a time that is outside of the years 1 to 9999 in UTC.
    """
    if value is None:
        return _NOT_A_TIME
    since = value - (_EPOCH if value.tzinfo else _LOCAL_EPOCH)
    if not _FIRST_DAY <= since.days <= _LAST_DAY:
        raise OverflowError(_OUTSIDE)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def to_integer(value: Any) -> Any:
    """Return an integer for a whole number of another type (529.0, as pandas writes it), any other value as it is."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    return (
        int(value) if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value() else value
    )


def complete_time(value: Any) -> Any:
    """Return a timestamp for a date, and with seconds for one without (2024-05-01T13:30); any other value as it is."""
    if type(value) is date:
        return datetime(value.year, value.month, value.day)
    parts = _WITHOUT_SECONDS.fullmatch(value) if type(value) is str else None
    return f"{parts[1]}:00{parts[2] or ''}" if parts else value


# Near misses of a value that service, score and validation take for it.
LENIENT: dict[Kind, Callable[[Any], Any]] = {Kind.INTEGER: to_integer, Kind.TIMESTAMP: complete_time}


def _to_microseconds(values: Sequence[datetime | None]) -> list[int]:
    """Convert timestamps as `to_microseconds` does, at half the cost where none is missing."""
    epoch = _EPOCH if values and values[0] and values[0].tzinfo else _LOCAL_EPOCH
    try:
        since = [value - epoch for value in values]  # type: ignore[operator]
    except TypeError:
        return [*map(to_microseconds, values)]
    found = [(each.days * 86_400 + each.seconds) * 1_000_000 + each.microseconds for each in since]
    if found and not (min(found) >= _FIRST_MICROSECOND and max(found) <= _LAST_MICROSECOND):
        raise OverflowError(_OUTSIDE)
    return found


def _timestamps(values: Any) -> NDArray[Any]:
    if isinstance(values, list | tuple):
        return np.array(_to_microseconds(values), dtype=np.int64).view("datetime64[us]")
    if getattr(values.dtype, "tz", None) is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    return values.to_numpy(dtype="datetime64[us]")


def _plain_rows(fields: Sequence[Field], columns: Columns, names: Sequence[str]) -> list[dict[str, Any]]:
    plain = [_plain(field, columns[field.name]) for field in fields]
    return [dict(zip(names, values, strict=True)) for values in zip(*plain, strict=True)]


def _plain(field: Field, values: NDArray[Any]) -> list[Any]:
    if field.kind is Kind.CATEGORY:
        return list(values.tolist())
    listed = values.tolist()
    if field.kind is Kind.TIMESTAMP:
        # numpy writes None for NaT.
        return [value and value.replace(tzinfo=UTC) for value in listed] if field.zoned else list(listed)
    if kind := {Kind.INTEGER: int, Kind.BOOLEAN: bool}.get(field.kind):
        return [None if value != value else kind(value) for value in listed]
    for place in np.flatnonzero(np.isnan(values)).tolist():
        listed[place] = None
    return list(listed)
