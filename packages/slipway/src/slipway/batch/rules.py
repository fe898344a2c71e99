"""The rule of each field of a contract: stored types that fit it, and how a value or a cell of a CSV file is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from slipway.columns import frame_to_columns
from slipway.contract import Field, Kind, read_contract
from slipway.tables import is_text, plain_type
from slipway.violations import OUTSIDE_CALENDAR, Violation, describe_field, describe_violation

Rows = NDArray[np.intp]
Broken = list[tuple[Violation, Rows]]

_TYPES = {Kind.NUMBER: pa.float64(), Kind.INTEGER: pa.int64(), Kind.BOOLEAN: pa.bool_()}


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
        try:
            found = msgspec.convert(value, self.type)
            if isinstance(found, datetime):
                frame_to_columns([self.field], {self.name: [found]})
        except msgspec.ValidationError:
            return None, describe_violation(self.field, value)
        except OverflowError:
            return None, self.outside_calendar
        return found, None

    @property
    def outside_calendar(self) -> Violation:
        """Describe a time that no `datetime` can hold."""
        return Violation(describe_field(self.field), OUTSIDE_CALENDAR)

    def fits(self, stored: pa.DataType) -> bool:
        """Tell whether a column of the type `stored` can hold values of this field."""
        if pa.types.is_timestamp(stored) and (stored.tz is not None) != self.field.zoned:
            return False
        return pa.types.is_null(stored) or _FITS[self.field.kind](plain_type(stored))


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
    try:
        return cells.cast(target), []
    except pa.ArrowInvalid:
        # Spaces around a number are ignored. An unreadable cell, such as n/a, usually occurs more than once.
        coded = pc.ascii_trim_whitespace(cells).dictionary_encode()
    texts = coded.dictionary
    known = _cast_each(texts, target)
    numbers = _cast_each(texts, pa.float64()) if field.kind is Kind.INTEGER else known
    violations = [
        None if value.is_valid else describe_violation(field, number.as_py() if number.is_valid else text.as_py())
        for value, number, text in zip(known, numbers, texts, strict=True)
    ]
    codes = pc.fill_null(coded.indices, len(texts)).to_numpy()
    return known.take(coded.indices), group_rows([*violations, None], codes)


def group_rows(violations: Sequence[Violation | None], codes: NDArray[np.integer]) -> Broken:
    """List the rows of each violation; `codes` has for each row its index in `violations`, None for a valid one."""
    found = dict.fromkeys(each for each in violations if each)
    return [(each, np.flatnonzero(np.array([other == each for other in violations])[codes])) for each in found]


_FITS = {
    Kind.NUMBER: lambda found: pa.types.is_floating(found) or pa.types.is_integer(found) or pa.types.is_decimal(found),
    Kind.INTEGER: pa.types.is_integer,
    Kind.BOOLEAN: pa.types.is_boolean,
    Kind.CATEGORY: is_text,
    # The service takes timestamps as text; so does a column.
    Kind.TIMESTAMP: lambda found: pa.types.is_timestamp(found) or is_text(found),
}


def _cast_each(cells: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast the cells, null for one that cannot be read, by bisection: most parts can be cast at once."""
    try:
        return cells.cast(target)
    except pa.ArrowInvalid:
        if len(cells) == 1:
            return pa.nulls(1, target)
        middle = len(cells) // 2
        return pa.concat_arrays([_cast_each(cells[:middle], target), _cast_each(cells[middle:], target)])


def _default(given: msgspec.structs.FieldInfo) -> Any:
    if given.default_factory is not msgspec.NODEFAULT:
        return given.default_factory()
    return None if given.default is msgspec.NODEFAULT else given.default
