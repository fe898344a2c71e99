"""Read a file of outcomes: the prediction's identifier or its key, the outcome, and when it was observed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from slipway.batch.tables import open_sources, read_batches
from slipway.bundle.manifest import Class
from slipway.columns import Columns
from slipway.contract import Field, Kind
from slipway.errors import DataError, first_line
from slipway.monitoring.intake.logged_columns import to_column
from slipway.tables import is_text

IDENTIFIER, OUTCOME, OBSERVED = "prediction_id", "outcome", "observed_at"
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


class OutcomeFile(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The rows of a file: `identifiers` of predictions, or `keys`, the columns that name them."""

    path: Path
    identifiers: list[str]
    keys: Columns
    outcomes: list[Any]
    observed: list[datetime | None]


def read_outcome_file(path: Path, keys: Sequence[Field], classes: tuple[Class, ...]) -> OutcomeFile:
    """Read the .parquet or .csv file at `path`; raises `DataError` that names the column and the row."""
    named = [field.name for field in keys] or [IDENTIFIER]
    table = _read(path, [*named, OUTCOME])
    return OutcomeFile(
        path=path,
        identifiers=[] if keys else [str(value or "") for value in table[IDENTIFIER].to_pylist()],
        keys={field.name: _read_key(path, field, table[field.name]) for field in keys},
        outcomes=_read_outcomes(path, table[OUTCOME].to_pylist(), classes),
        observed=_read_times(path, table),
    )


def _read(path: Path, needed: Sequence[str]) -> pa.Table:
    tables = []
    for source in open_sources(path):
        if not {*needed} <= {*source.schema.names}:
            raise DataError(
                f"{source.path}: expected the columns {', '.join(needed)}, found {', '.join(source.schema.names)}. "
                "Name the columns that tell a row with --by, and the outcome's column `outcome`."
            )
        columns = [*needed, *([OBSERVED] if OBSERVED in source.schema.names else [])]
        batches = [*read_batches(source, columns)]
        tables.append(pa.Table.from_batches(batches).select(columns))
    return pa.concat_tables(tables, promote_options="permissive")


def _read_key(path: Path, field: Field, values: pa.ChunkedArray) -> Any:
    array = values.combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    try:
        if pa.types.is_timestamp(array.type):
            # As text, which is what the log has.
            array = pc.strftime(array, "%Y-%m-%dT%H:%M:%S" + ("Z" if field.zoned else ""))
        if is_text(array.type) and field.kind in (Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN):
            kind = pa.bool_() if field.kind is Kind.BOOLEAN else pa.float64()
            array = array.cast(pa.string()).cast(kind)
        if is_text(array.type) and not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        return to_column(field, array)
    except pa.ArrowException as error:
        raise DataError(f"{path}, column {field.name}: expected {field.kind}s. {first_line(error)}") from error


def _read_outcomes(path: Path, values: Sequence[Any], classes: tuple[Class, ...]) -> list[Any]:
    """Return outcomes as clients send them: classes of the model, or numbers."""
    named: dict[str, Class] = {str(name): name for name in classes}
    if classes and isinstance(classes[0], bool):
        named |= _TRUTHS
    found = []
    for row, value in enumerate(values):
        try:
            found.append(named[_as_text(value)] if classes else _as_number(value))
        except (KeyError, TypeError, ValueError) as error:
            expected = f"one of {', '.join(map(repr, classes))}" if classes else "a number"
            raise DataError(
                f"{path}, column {OUTCOME}, row {row}: expected {expected}, found {value!r}. Fix the file; nothing was "
                "imported."
            ) from error
    return found


def _as_number(value: Any) -> float:
    """Return a finite number: the log, which is JSON, has no other."""
    number = float(value)
    if not isfinite(number):
        raise ValueError("not finite")
    return number


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _read_times(path: Path, table: pa.Table) -> list[datetime | None]:
    if OBSERVED not in table.column_names:
        return [None] * len(table)
    values = table[OBSERVED]
    try:
        kind = pa.timestamp("us", "UTC")
        times = values.cast(kind) if pa.types.is_timestamp(values.type) else values.cast(pa.string()).cast(kind)
    except pa.ArrowException as error:
        raise DataError(
            f"{path}, column {OBSERVED}: expected timestamps with a time zone, such as 2024-05-01T13:30:00Z. "
            f"{first_line(error)}"
        ) from error
    return [value.astimezone(UTC) if value else None for value in times.to_pylist()]
