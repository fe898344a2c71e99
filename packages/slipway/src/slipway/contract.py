"""Read a contract: the one `msgspec.Struct` that defines a row for every part of the machinery."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import inspect

from slipway.errors import ProblemError

RESERVED = frozenset({"target", "group", "time", "key"})


class Kind(StrEnum):
    """The type of a column's values."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TIMESTAMP = "timestamp"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a contract; `name` is that of the struct, of the column and of the feature's input.

    `alias` is another name under which clients send it (`rename=`, `field(name=...)`), "" for none. `categories` is
    empty where any text (that matches `pattern`) is allowed; a `zoned` timestamp has a time zone; `default` is the
    value of an optional field that is left out, as Python writes it.
    """

    name: str
    kind: Kind
    nullable: bool = False
    required: bool = True
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    categories: tuple[str, ...] = ()
    pattern: str | None = None
    zoned: bool = False
    description: str = ""
    unit: str = ""
    default: str = ""
    alias: str = ""

    @property
    def wire_name(self) -> str:
        """Return the name under which clients send the field, and which every description for them has."""
        return self.alias or self.name


def read_contract(contract: type[msgspec.Struct], sealed: bool = False) -> tuple[Field, ...]:
    """List the fields of `contract` in their order.

    Raises `ProblemError` for a struct that accepts unknown fields, for a field whose type no column can have, and
    unless it is `sealed`, in a bundle that older versions let through, for one that is sent as a list or with a tag.
    """
    info = inspect.type_info(contract)
    if not isinstance(info, inspect.StructType):
        raise ProblemError(f"The contract must be a msgspec.Struct, found {contract!r}.")
    if not info.forbid_unknown_fields:
        raise ProblemError(
            f"The contract {contract.__name__} accepts unknown fields, so a client's misspelt field would go "
            "unnoticed. Declare it with forbid_unknown_fields=True."
        )
    if not sealed and (info.array_like or info.tag is not None):
        raise ProblemError(
            f"The contract {contract.__name__} is written as a list or with a tag, but clients send an object of its "
            "fields. Declare it without array_like and tag."
        )
    fields = tuple(_read_field(field) for field in info.fields)
    inexact = [] if sealed else [field for field in fields if _is_inexact(field.multiple_of)]
    if inexact:
        raise ProblemError(
            f"The contract's field {inexact[0].name!r}: multiple_of={inexact[0].multiple_of:g} has no exact "
            "binary form, so the service would refuse most of its multiples. Leave multiple_of out, or send "
            "whole numbers of a smaller unit (cents) as int."
        )
    taken = sorted(RESERVED & {field.name for field in info.fields})
    if taken:
        raise ProblemError(
            f"The contract {contract.__name__} has a field named {taken[0]!r}, a name that is reserved for the dataset "
            f"(reserved: {', '.join(sorted(RESERVED))}). Rename the field."
        )
    return fields


def _is_inexact(step: float | None) -> bool:
    return step is not None and Decimal(repr(step)) != Decimal(step)


def _read_field(field: inspect.Field) -> Field:
    extra: dict[str, object] = {}
    nullable = False
    kinds: list[inspect.Type] = []
    for part in _flatten(field.type, extra):
        if isinstance(part, inspect.NoneType):
            nullable = True
        else:
            kinds.append(part)
    if len(kinds) != 1:
        raise ProblemError(
            f"The contract's field {field.name!r}: expected one type (or that type | None), found {len(kinds)} types."
        )
    return Field(
        name=field.name,
        nullable=nullable,
        required=field.required,
        description=str(extra.get("description", "")),
        alias="" if field.encode_name == field.name else field.encode_name,
        unit=str(extra.get("unit", "")),
        default=_write_default(field),
        **_describe(field.name, kinds[0]),  # type: ignore[arg-type]
    )


def _write_default(field: inspect.Field) -> str:
    if field.required:
        return ""
    made_by = getattr(field.default_factory, "__name__", None)
    return f"{made_by}()" if made_by else repr(field.default)


def _flatten(found: inspect.Type, extra: dict[str, object]) -> Iterable[inspect.Type]:
    """Walk through unions and annotations, and collect the descriptions and units found there in `extra`."""
    if isinstance(found, inspect.Metadata):
        extra.update(found.extra_json_schema or {})
        yield from _flatten(found.type, extra)
    elif isinstance(found, inspect.UnionType):
        for part in found.types:
            yield from _flatten(part, extra)
    else:
        yield found


def _describe(name: str, found: inspect.Type) -> dict[str, object]:
    match found:
        case inspect.FloatType() | inspect.IntType():
            kind = Kind.NUMBER if isinstance(found, inspect.FloatType) else Kind.INTEGER
            return {"kind": kind, **{rule: getattr(found, rule) for rule in ("ge", "gt", "le", "lt", "multiple_of")}}
        case inspect.BoolType():
            return {"kind": Kind.BOOLEAN}
        case inspect.StrType(min_length=least, max_length=most, pattern=pattern):
            return {"kind": Kind.CATEGORY, "min_length": least, "max_length": most, "pattern": pattern}
        case inspect.LiteralType(values=values) if all(isinstance(value, str) for value in values):
            return {"kind": Kind.CATEGORY, "categories": tuple(values)}
        case inspect.DateTimeType(tz=bool(tz)):
            return {"kind": Kind.TIMESTAMP, "zoned": tz}
        case inspect.DateTimeType():
            raise ProblemError(
                f"The contract's field {name!r} accepts timestamps with and without a time zone, which would be read "
                "as different hours. Choose one: Annotated[datetime, Meta(tz=True)] or Meta(tz=False)."
            )
    raise ProblemError(
        f"The contract's field {name!r}: expected float, int, bool, str, datetime or a Literal of strings (with | None "
        f"if it may be missing), found {type(found).__name__}."
    )
