"""The rule of each field of a contract: the stored types that fit it, and the check of a single value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from slipway.columns import frame_to_columns
from slipway.contract import Field, Kind, read_contract
from slipway.violations import OUTSIDE_CALENDAR, Violation, describe_field, describe_violation

Rows = NDArray[np.intp]
Broken = list[tuple[Violation, Rows]]


class Rule(msgspec.Struct, frozen=True):
    """One field with its type as the contract writes it, and its default where a file lacks the column."""

    field: Field
    type: Any
    default: Any

    @property
    def name(self) -> str:
        """Return the name of the field and its column."""
        return self.field.name

    @property
    def convex(self) -> bool:
        """Tell whether all values between two accepted ones are accepted, so that checking both ends is enough."""
        return self.field.multiple_of is None

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
    """Return the rules of `contract`, in the order of its fields."""
    given = {field.name: field for field in msgspec.structs.fields(contract)}
    return tuple(Rule(field, given[field.name].type, _default(given[field.name])) for field in read_contract(contract))


def group_rows(violations: Sequence[Violation | None], codes: NDArray[np.integer]) -> Broken:
    """List the rows of each violation; `codes` has for each row its place in `violations`, None for a valid one."""
    found = dict.fromkeys(each for each in violations if each)
    return [(each, np.flatnonzero(np.array([other == each for other in violations])[codes])) for each in found]


def is_text(stored: pa.DataType) -> bool:
    """Tell whether a column of this type holds strings, plain or dictionary-encoded."""
    plain = plain_type(stored)
    return pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)


def plain_type(stored: pa.DataType) -> pa.DataType:
    """Return the type of the values, which a dictionary stores as codes."""
    return stored.value_type if pa.types.is_dictionary(stored) else stored


_FITS = {
    Kind.NUMBER: lambda found: pa.types.is_floating(found) or pa.types.is_integer(found) or pa.types.is_decimal(found),
    Kind.INTEGER: pa.types.is_integer,
    Kind.BOOLEAN: pa.types.is_boolean,
    Kind.CATEGORY: is_text,
    # The service takes timestamps as text; so does a column.
    Kind.TIMESTAMP: lambda found: pa.types.is_timestamp(found) or is_text(found),
}


def _default(given: msgspec.structs.FieldInfo) -> Any:
    if given.default_factory is not msgspec.NODEFAULT:
        return given.default_factory()
    return None if given.default is msgspec.NODEFAULT else given.default
