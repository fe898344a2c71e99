"""One rule per field of a contract: which stored types fit it, and what msgspec says about a single value."""

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from slipway.columns import frame_to_columns
from slipway.contract import Field, Kind, read_contract

_UNREADABLE = {
    Kind.NUMBER: "a number",
    Kind.INTEGER: "a whole number of 64 bits",
    Kind.BOOLEAN: "true or false",
    Kind.TIMESTAMP: "a time without a time zone, as 2024-05-31T14:35:00",
}
_ZONED = "a time with a time zone, as 2024-05-31T14:35:00Z"
TOO_LARGE = f"Expected a time between the years {datetime.min.year} and {datetime.max.year}"


class Rule(msgspec.Struct, frozen=True):
    """One field with its type as the contract writes it, and what stands for it where a file lacks the column.

    `convex` says that whatever lies between two accepted values is accepted, so that the smallest and the largest
    value of a batch speak for all.
    """

    field: Field
    type: Any
    convex: bool
    default: Any

    @property
    def name(self) -> str:
        """The name of the field and its column."""
        return self.field.name

    def read(self, value: Any) -> tuple[Any, str | None]:
        """The value as the contract reads it and None, or None and why it is refused; never the value itself."""
        try:
            found = msgspec.convert(value, self.type)
            if isinstance(found, datetime):
                frame_to_columns([self.field], {self.name: [found]})
        except msgspec.ValidationError as error:
            if self.field.categories and isinstance(value, str):
                return None, f"Expected one of {', '.join(self.field.categories)}"
            return None, str(error)
        except OverflowError:
            return None, TOO_LARGE
        return found, None

    def misfit(self, stored: pa.DataType) -> str | None:
        """What a column should hold, if values of the type `stored` can never be that."""
        kind = self.field.kind
        if pa.types.is_null(stored) or _FITS[kind](_plain(stored)):
            if pa.types.is_timestamp(stored) and (stored.tz is not None) != self.field.zoned:
                return f"timestamps {'with' if self.field.zoned else 'without'} a time zone"
            return None
        return {Kind.CATEGORY: "text", Kind.INTEGER: "whole numbers"}.get(kind, f"{kind}s")

    @property
    def unreadable(self) -> str:
        """Why a cell of a CSV file that is no value of this kind is refused."""
        return f"Expected {_ZONED if self.field.zoned else _UNREADABLE[self.field.kind]}"


def read_rules(contract: type[msgspec.Struct]) -> tuple[Rule, ...]:
    """The rules of `contract`, in the order of its fields."""
    given = {field.name: field for field in msgspec.structs.fields(contract)}
    return tuple(
        Rule(field, given[field.name].type, _is_convex(given[field.name].type), _default(given[field.name]))
        for field in read_contract(contract)
    )


def is_text(stored: pa.DataType) -> bool:
    """Whether a column of this type holds strings, each written out or as codes of a dictionary."""
    plain = _plain(stored)
    return pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)


def _plain(stored: pa.DataType) -> pa.DataType:
    return stored.value_type if pa.types.is_dictionary(stored) else stored


_FITS = {
    Kind.NUMBER: lambda found: pa.types.is_floating(found) or pa.types.is_integer(found) or pa.types.is_decimal(found),
    Kind.INTEGER: pa.types.is_integer,
    Kind.BOOLEAN: pa.types.is_boolean,
    Kind.CATEGORY: is_text,
    # The service takes times as text; so does a column.
    Kind.TIMESTAMP: lambda found: pa.types.is_timestamp(found) or is_text(found),
}


def _is_convex(given: Any) -> bool:
    """Not where a number must be a multiple of another: that is the one rule for numbers that is no range."""
    found = [msgspec.inspect.type_info(given)]
    for part in found:
        found.extend(getattr(part, "types", ()))
        found.extend([part.type] if isinstance(part, msgspec.inspect.Metadata) else [])
    return all(getattr(part, "multiple_of", None) is None for part in found)


def _default(given: msgspec.structs.FieldInfo) -> Any:
    if given.default_factory is not msgspec.NODEFAULT:
        return given.default_factory()
    return None if given.default is msgspec.NODEFAULT else given.default
