"""The contract in words: what a field takes, and what was found instead, without repeating the client's value."""

from typing import Any

from slipway.contract import Field, Kind

_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "an object",
}
_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.NUMBER: (int, float),
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.CATEGORY: str,
    Kind.TIMESTAMP: str,
}


def expected(field: Field) -> str:
    """What a value of the field must be, such as `an integer from 1 to 10000 (miles), or null`."""
    text = _kind(field)
    if field.unit:
        text += f" ({field.unit})"
    return f"{text}, or null" if field.nullable else text


def found(value: Any, field: Field | None = None) -> str:
    """What kind of value was found; where the kind is right, that the value is not."""
    kind = _KINDS.get(type(value), "something else")
    if field is None or not isinstance(value, _TYPES[field.kind]) or isinstance(value, bool):
        return kind
    return "other text" if isinstance(value, str) else "a number out of range"


def _kind(field: Field) -> str:
    match field.kind:
        case Kind.NUMBER:
            return f"a number{_range(field)}"
        case Kind.INTEGER:
            return f"an integer{_range(field)}"
        case Kind.BOOLEAN:
            return "true or false"
        case Kind.TIMESTAMP if field.zoned:
            return "a timestamp with a time zone, such as 2024-05-01T13:30:00Z"
        case Kind.TIMESTAMP:
            return "a timestamp without a time zone, such as 2024-05-01T13:30:00"
        case _ if field.categories:
            return f"one of {', '.join(field.categories)}"
        case _ if field.pattern:
            # A description explains more to a person than a regular expression.
            return f"text ({field.description})" if field.description else f"text that matches {field.pattern}"
    return "text"


def _range(field: Field) -> str:
    match field:
        case Field(ge=float() | int() as low, le=float() | int() as high):
            return f" from {low:g} to {high:g}"
    parts = [
        f"{word} {bound:g}"
        for word, bound in (
            ("at least", field.ge),
            ("above", field.gt),
            ("at most", field.le),
            ("below", field.lt),
        )
        if bound is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""
