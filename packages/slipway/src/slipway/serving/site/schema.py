"""JSON Schemas (2020-12) of msgspec's types, as exact as the reader of rows; the contract's row among them."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Bundle
from slipway.columns import columns_to_rows, take_rows
from slipway.contract import Field, Kind

Schema = dict[str, Any]

# Golden rows begin with ordinary ones.
_ORDINARY = 8
# Beyond what a float of 64 bits holds everything is refused, whatever the contract allows.
_LARGEST = 1.7976931348623157e308
_REF = "#/components/schemas/{name}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
# Every day of the calendar: 28 of each month, those that only some months have, and the leap day of leap years.
_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    "((?!0000)[0-9]{4}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    f"|{_LEAP_YEAR}-02-29)"
)
_TIME = f"{_DAY}[Tt]{_CLOCK}"
_ZONE = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
# The patterns leave out what the formats allow and the service does not: the year 0000 and leap seconds. A space for
# the T, a zone without colon and a time without seconds are read as well, but are not described.
_ZONED = {"format": "date-time", "pattern": f"^{_TIME}{_ZONE}$"}
# The format date-time demands a zone; this one, from OpenAPI's registry of formats, forbids it.
_LOCAL = {"format": "date-time-local", "pattern": f"^{_TIME}$"}
_BOUNDS = {"minimum": -_LARGEST, "maximum": _LARGEST}


def row_struct(bundle: Bundle) -> type[msgspec.Struct]:
    """Return the contract's struct under the name Row, with what JSON Schema would leave out."""
    fields = [
        (
            own.name,
            Annotated[own.type, Meta(extra_json_schema=_extra(field))],
            msgspec.field(  # type: ignore[call-overload]
                default=own.default, default_factory=own.default_factory, name=field.alias or None
            ),
        )
        for field, own in zip(bundle.fields, msgspec.structs.fields(bundle.contract), strict=True)
    ]
    text = {"__doc__": bundle.contract.__doc__}
    return msgspec.defstruct("Row", fields, namespace=text, forbid_unknown_fields=True, kw_only=True)


def describe_row(bundle: Bundle) -> Schema:
    """Return the schema of one row; units stand under `x-unit`."""
    return describe_types(row_struct(bundle))["Row"] | {"examples": ordinary_rows(bundle)[:1]}


def describe_types(*types: Any, **choices: Sequence[Any]) -> dict[str, Schema]:
    """Return the schemas of structs, and of those in them, by name; a choice is one of several types."""
    flat = [*types, *(each for chosen in choices.values() for each in chosen)]
    schemas, found = msgspec.json.schema_components(flat, ref_template=_REF)
    rest = iter(schemas[len(types) :])
    for name, chosen in choices.items():
        parts = [next(rest) for _ in chosen]
        found[name] = parts[0] if len(parts) == 1 else {"oneOf": parts}
    return {name: _exact(schema) for name, schema in found.items()}


def ordinary_rows(bundle: Bundle) -> list[dict[str, Any]]:
    """Return a few rows as clients send them, those with the fewest missing values first."""
    columns, _ = bundle.golden()
    rows: list[dict[str, Any]] = msgspec.json.decode(
        msgspec.json.encode(columns_to_rows(bundle.fields, take_rows(columns, slice(_ORDINARY))))
    )
    return sorted(rows, key=lambda found: sum(value is None for value in found.values()))


def ref(name: str) -> Schema:
    """Refer to a schema among the document's components."""
    return {"$ref": _REF.format(name=name)}


def _extra(field: Field) -> Schema:
    match field.kind:
        case Kind.NUMBER | Kind.INTEGER:
            # Bounds of the field itself go first.
            return _BOUNDS
        case Kind.TIMESTAMP if not field.zoned:
            return _LOCAL
        case Kind.CATEGORY:
            return {"type": "string"}
    return {}


def _exact(schema: Any) -> Any:
    """Write `X or null` as one schema, instants and ends of patterns as every reader takes them, and units."""
    if isinstance(schema, list):
        return [_exact(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _exact(part) for name, part in schema.items()}
    match found:
        case {"anyOf": [core, {"type": "null"}]} if "type" in core or "type" in found:
            # Constraints of JSON Schema bind only the type that they speak of.
            found = {name: part for name, part in (found | core).items() if name != "anyOf"}
            found["type"] = [found["type"], "null"]
            if "enum" in found:
                found["enum"] = [*found["enum"], None]
        case {"format": "date-time"}:
            found |= _ZONED
        case {"unit": str(unit)}:
            found = {name: part for name, part in found.items() if name != "unit"} | {"x-unit": unit}
    if isinstance(found.get("pattern"), str):
        # Python's end of a text has another name elsewhere.
        found["pattern"] = found["pattern"].replace(r"\Z", "$")
    return found
