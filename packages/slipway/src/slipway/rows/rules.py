"""The rule of each field of a contract: stored types that fit it, and how a value or a cell of a CSV file is read."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.columns import LENIENT, frame_to_columns
from slipway.contract import Field, Kind, read_contract
from slipway.tables import cast_cells, fits_kind
from slipway.violations import OUTSIDE_CALENDAR, Violation, describe_field, describe_violation

Rows = NDArray[np.intp]
Broken = list[tuple[Violation, Rows]]

_TYPES = {Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_()}
_STORED_AS = {kind: str(kind) for kind in Kind} | {Kind.CATEGORY: "text"}


class Rule(msgspec.Struct, frozen=True):
    """One field with its type as the contract writes it, and its default where a file lacks the column."""

    field: Field
    type: Any
    default: Any

    @property
    def name(self) -> str:
        """Return the name of the field and its column."""
        return self.field.name

    def read_value(self, value: Any) -> tuple[Any, Violation | None]:
        """Return the value as the contract reads it and None, or None and how it breaks the contract."""
        if lenient := LENIENT.get(self.field.kind):
            value = lenient(value)
        try:
            found = msgspec.convert(value, self.type)
            if isinstance(found, datetime):
                frame_to_columns([self.field], {self.name: [found]})
        except (msgspec.ValidationError, UnicodeError):
            return None, describe_violation(self.field, value)
        except OverflowError:
            return None, self.outside_calendar
        return found, None

    def read_values(self, values: Sequence[Any]) -> list[tuple[Any, Violation | None]]:
        """Read each of `values` as `read_value` does, at a fraction of the cost where the contract accepts all."""
        if self.field.kind in (Kind.NUMBER, Kind.CATEGORY):
            with suppress(msgspec.ValidationError, UnicodeError):
                return [(found, None) for found in msgspec.convert(values, list[self.type])]  # type: ignore[name-defined]
        return [self.read_value(value) for value in values]

    @property
    def outside_calendar(self) -> Violation:
        """Describe a time that no `datetime` can hold."""
        return Violation(describe_field(self.field), OUTSIDE_CALENDAR)

    def fits(self, stored: pa.DataType) -> bool:
        """Tell whether a column of the type `stored` can hold values of this field."""
        if pa.types.is_timestamp(stored) and (stored.tz is not None) != self.field.zoned:
            return False
        return fits_kind("instant" if self.field.zoned else _STORED_AS[self.field.kind], stored)


def read_rules(contract: type[msgspec.Struct]) -> tuple[Rule, ...]:
    """Return the rules of a bundle's `contract`, in the order of its fields."""
    given = {field.name: field for field in msgspec.structs.fields(contract)}
    fields = read_contract(contract, sealed=True)
    return tuple(Rule(field, given[field.name].type, _default(given[field.name])) for field in fields)


def read_cells(field: Field, cells: pa.Array) -> tuple[pa.Array, Broken]:
    """Read an array of strings (null for empty ones) as values of the field's kind.

    Also returns the rows without such a value, which are null in the array. A cell is read the same whatever the other
    cells are. Timestamps have a time zone exactly if the field has one.
    """
    if field.kind is Kind.CATEGORY:
        return cells, []
    target = _TYPES.get(field.kind) or pa.timestamp("us", tz="UTC" if field.zoned else None)
    read = cast_cells(cells, target)
    if read.null_count == cells.null_count:
        return read, []
    unread = np.flatnonzero(read.is_null().to_numpy(False) & ~cells.is_null().to_numpy(False))
    coded = pc.ascii_trim_whitespace(cells.take(pa.array(unread))).dictionary_encode()
    numbers = cast_cells(coded.dictionary, pa.float64() if field.kind is Kind.INTEGER else target)
    violations = [
        describe_violation(field, number.as_py() if number.is_valid else text.as_py())
        for number, text in zip(numbers, coded.dictionary, strict=True)
    ]
    return read, [(why, unread[rows]) for why, rows in group_rows(violations, coded.indices.to_numpy())]


def group_rows(violations: Sequence[Violation | None], codes: NDArray[np.integer]) -> Broken:
    """List the rows of each violation; `codes` has for each row its index in `violations`, None for a valid one."""
    found = dict.fromkeys(each for each in violations if each)
    return [(each, np.flatnonzero(np.array([other == each for other in violations])[codes])) for each in found]


def _default(given: msgspec.structs.FieldInfo) -> Any:
    if given.default_factory is not msgspec.NODEFAULT:
        return given.default_factory()
    return None if given.default is msgspec.NODEFAULT else given.default
