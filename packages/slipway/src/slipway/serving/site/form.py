"""The contract as inputs of an HTML form: widget, limits, words and first value of each field."""

import re
from typing import Any

import msgspec

from slipway.bundle import Bundle
from slipway.contract import Field, Kind
from slipway.violations import describe_field

_WIDGETS = {Kind.NUMBER: "number", Kind.INTEGER: "number", Kind.CATEGORY: "text", Kind.TIMESTAMP: "time"}
# Digits of a number in the form: more are noise of its binary form, fewer would change the score.
_DIGITS = 7


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One input: `widget` is number, text, time, select or switch.

    `attributes` are those of the HTML element; `options` are values of a select and their words; `value` is what the
    input starts with, "" for a missing value; `optional` says that it may stay empty.
    """

    name: str
    label: str
    hint: str
    unit: str
    expected: str
    kind: Kind
    widget: str
    attributes: dict[str, str]
    options: tuple[tuple[str, str], ...]
    value: str
    optional: bool
    nullable: bool
    zoned: bool


def form_controls(bundle: Bundle, row: dict[str, Any]) -> list[Control]:
    """Return the inputs in the contract's order, filled with `row`."""
    return [_control(field, row.get(field.name)) for field in bundle.fields]


def _control(field: Field, value: Any) -> Control:
    options = _options(field)
    widget = "select" if options else "switch" if field.kind is Kind.BOOLEAN else _WIDGETS[field.kind]
    optional = field.nullable or not field.required
    text = _text(field, value)
    return Control(
        name=field.name,
        label=field.name.replace("_", " ").capitalize(),
        hint=field.description,
        unit="UTC" if field.kind is Kind.TIMESTAMP and field.zoned else field.unit,
        expected=describe_field(field),
        kind=field.kind,
        widget=widget,
        attributes=_attributes(field, text),
        options=options,
        value=text,
        optional=optional,
        nullable=field.nullable,
        zoned=field.zoned,
    )


def _options(field: Field) -> tuple[tuple[str, str], ...]:
    missing = (("", "missing"),) if field.nullable or not field.required else ()
    if field.categories:
        return (*((name, name) for name in field.categories), *missing)
    if field.kind is Kind.BOOLEAN and missing:
        return (("true", "yes"), ("false", "no"), *missing)
    return ()


def _attributes(field: Field, text: str) -> dict[str, str]:
    found: dict[str, float | str | None] = {}
    if field.kind in (Kind.NUMBER, Kind.INTEGER):
        low = field.ge if field.ge is not None else field.gt
        high = field.le if field.le is not None else field.lt
        found = {"min": low, "max": high, "step": "1" if field.kind is Kind.INTEGER else "any"}
    elif field.kind is Kind.TIMESTAMP and text.count(":") > 1:
        # A browser takes whole minutes unless it is told otherwise.
        found = {"step": "1"}
    elif field.kind is Kind.CATEGORY and not field.categories:
        pattern = field.pattern and _whole(field.pattern.replace(r"\Z", "$"))
        found = {"pattern": pattern, "maxlength": field.max_length, "minlength": field.min_length}
    return {name: _number(bound) for name, bound in found.items() if bound is not None}


def _whole(pattern: str) -> str:
    """Extend a pattern to the whole text, as HTML matches it; a contract searches for it within the text."""
    if pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern:
        return pattern
    return rf"[\s\S]*(?:{pattern})[\s\S]*"


def _text(field: Field, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case str() if field.kind is Kind.TIMESTAMP:
            local = re.sub(r"(Z|[+-]00:00)$", "", value).partition(".")[0]
            return local.removesuffix(":00") if local.count(":") > 1 else local
    return str(value)


def _number(value: float | str) -> str:
    if isinstance(value, float):
        short = float(f"{value:.{_DIGITS}g}")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(short)
    return str(value)
