"""The contract's row as JSON Schema (2020-12), exactly as the service takes it; and what other schemas are made of."""

from typing import Any

import msgspec

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
_TIME = f"(?!0000)[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]{_CLOCK}"
_ZONE = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
# The patterns leave out what the formats allow and the service does not: the year 0000 and leap seconds. A space for
# the T and a zone without colon are read as well, but are not described.
_ZONED: Schema = {"type": "string", "format": "date-time", "pattern": f"^{_TIME}{_ZONE}$"}
# The format date-time demands a zone; this one, from OpenAPI's registry of formats, forbids it.
_LOCAL: Schema = {"type": "string", "format": "date-time-local", "pattern": f"^{_TIME}$"}


def describe_row(bundle: Bundle) -> Schema:
    """Return the schema of one row; units stand under `x-unit`."""
    declared = describe_structs(bundle.contract)[bundle.contract.__name__]
    properties = {field.name: _property(field, declared["properties"][field.name]) for field in bundle.fields}
    return declared | {"properties": properties, "examples": ordinary_rows(bundle)[:1]}


def ordinary_rows(bundle: Bundle) -> list[dict[str, Any]]:
    """Return a few rows as clients send them, those with the fewest missing values first."""
    columns, _ = bundle.golden()
    rows: list[dict[str, Any]] = msgspec.json.decode(
        msgspec.json.encode(columns_to_rows(bundle.fields, take_rows(columns, slice(_ORDINARY))))
    )
    return sorted(rows, key=lambda found: sum(value is None for value in found.values()))


def describe_structs(*structs: type[msgspec.Struct]) -> dict[str, Schema]:
    """Return the schemas of structs, and of those in them, by name; an instant is as exact as the reader of rows."""
    _, found = msgspec.json.schema_components(structs, ref_template=_REF)
    return {name: _exact_times(schema) for name, schema in found.items()}


def ref(name: str) -> Schema:
    """Refer to a schema among the document's components."""
    return {"$ref": _REF.format(name=name)}


def exact(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """Return an object of these properties and no others, all of them required unless some are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def rows_of(item: Schema, most: int | None = None) -> Schema:
    """Return an array of at least one item, and of at most so many."""
    return {"type": "array", "items": item, "minItems": 1} | ({} if most is None else {"maxItems": most})


def _property(field: Field, declared: Schema) -> Schema:
    (core,) = (part for part in declared.get("anyOf", [declared]) if part != {"type": "null"})
    found = {name: value for name, value in {**declared, **core}.items() if name not in ("anyOf", "unit")}
    if field.unit:
        found["x-unit"] = field.unit
    if field.pattern:
        # Python's end of a text has another name elsewhere.
        found["pattern"] = field.pattern.replace(r"\Z", "$")
    match field.kind:
        case Kind.TIMESTAMP:
            found |= _ZONED if field.zoned else _LOCAL
        case Kind.NUMBER | Kind.INTEGER:
            found |= {} if found.keys() & {"minimum", "exclusiveMinimum"} else {"minimum": -_LARGEST}
            found |= {} if found.keys() & {"maximum", "exclusiveMaximum"} else {"maximum": _LARGEST}
        case Kind.CATEGORY if field.categories:
            found |= {"type": "string", "enum": list(field.categories)}
    return _nullable(found) if field.nullable else found


def _nullable(found: Schema) -> Schema:
    """Return the same, or null; constraints of JSON Schema bind only the type that they speak of."""
    if "enum" in found:
        found = found | {"enum": [*found["enum"], None]}
    return found | {"type": [found["type"], "null"]}


def _exact_times(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_exact_times(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _exact_times(part) for name, part in schema.items()}
    return found | _ZONED if found.get("format") == "date-time" else found
