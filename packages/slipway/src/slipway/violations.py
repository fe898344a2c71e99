"""Explain how a value breaks the contract, in one sentence for the service, batch scoring and validation.

The sentence never repeats the value, which may be personal or hostile.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from traceback import walk_tb
from typing import Any, NamedTuple

from msgspec import ValidationError

from slipway.contract import Field, Kind

_TIMES = {
    True: "a timestamp with a time zone, such as 2024-05-01T13:30:00Z",
    False: "a timestamp without a time zone, such as 2024-05-01T13:30:00",
}
_NUMBER = (Real, Decimal)
_SENT_AS: dict[Kind, Any] = {Kind.NUMBER: _NUMBER, Kind.INTEGER: Integral, Kind.CATEGORY: str, Kind.TIMESTAMP: str}
# The first that fits is meant: a truth value is an integer to Python.
_KINDS: dict[Any, str] = {
    type(None): "null",
    bool: "true or false",
    Integral: "an integer",
    _NUMBER: "a number",
    str: "text",
    datetime: "a timestamp",
    date: "a date without a time",
    list: "an array",
    dict: "an object",
}
# What RFC 3339 and its near misses look like; no part of it is looked at by a calendar or a clock yet.
_TIME_TEXT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9:.]+)([Zz]|[+-][0-9:]+)?)?")
_BOUNDS = (("at least", "ge"), ("above", "gt"), ("at most", "le"), ("below", "lt"))
_DIGITS = re.compile(r"\d[\d,_]*(?:\.(\d+))?(?:[eE][+-]?\d+)?")
_HIDDEN, _LONGEST_REASON = "(not shown)", 300
OUTSIDE_CALENDAR = f"a time outside of the years {datetime.min.year} to {datetime.max.year}"


class Violation(NamedTuple):
    """The expectation of a contract and the value found instead, as text `expected ..., found ...`."""

    expected: str
    found: str

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.found}"


REFUSED_ROW = Violation("a row that passes the contract's own checks", "one that fails them")
CHANGED_VALUE = Violation("a value that the contract's own checks leave as it is", "one that they change")


def describe_violation(field: Field, value: Any) -> Violation:
    """Describe how `value`, which msgspec refused, breaks `field`."""
    return Violation(describe_field(field), describe_value(value, field))


def describe_refused_row(error: Exception, values: Iterable[Any]) -> Violation:
    """Describe why the contract's own checks refuse a row of these typed values, in the words of the error they raised.

    An error that no check raises on purpose is named by its type alone.
    """
    cause = error.__cause__ if isinstance(error, ValidationError) else error
    if cause is None:
        return REFUSED_ROW
    reason = type(cause).__name__
    if isinstance(cause, ValueError | TypeError):
        reason = _hide_values(cause, values)[:_LONGEST_REASON].rstrip(" .") or reason
    return REFUSED_ROW._replace(found=f"{REFUSED_ROW.found}: {reason}")


def describe_field(field: Field) -> str:
    """Describe the values that a field takes, such as `an integer from 1 to 10000 (miles), or null`."""
    text = _kind(field)
    if field.unit:
        text += f" ({field.unit})"
    return f"{text}, or null" if field.nullable else text


def describe_value(value: Any, field: Field | None = None) -> str:
    """Describe the kind of a value; where that is the kind of `field`, how the value differs."""
    if isinstance(value, float) and math.isinf(value):
        return "infinity"
    if field and field.kind is Kind.TIMESTAMP and isinstance(value, datetime):
        return f"a timestamp {'with' if value.tzinfo else 'without'} a time zone"
    if field and isinstance(value, _SENT_AS.get(field.kind, ())) and not isinstance(value, bool):
        if not isinstance(value, str):
            return _describe_number(field, value)
        if not _reads(str.encode, value):
            return "text that is not valid Unicode"
        return _describe_time(field, value) if field.kind is Kind.TIMESTAMP else "other text"
    return next((text for kind, text in _KINDS.items() if isinstance(value, kind)), "a value of another type")


def _hide_values(error: Exception, values: Iterable[Any]) -> str:
    """Return the message of an error on one line, without the values, unless it stands in the code as it is."""
    message = str(error)
    if any(message in frame.f_code.co_consts for frame, _ in walk_tb(error.__traceback__)):
        return " ".join(message.split())
    numbers, texts = [], []
    for value in values:
        if isinstance(value, datetime):
            clock, moment = f"{value:%H:%M:%S}", value.replace(tzinfo=None)
            texts += [f"{moment.isoformat()}Z", f"{moment}Z"]
            texts += [
                str(value),
                value.isoformat(),
                str(moment),
                moment.isoformat(),
                str(value.date()),
                clock,
                clock[:-3],
            ]
        elif isinstance(value, str):
            texts += [value, repr(value)[1:-1], ascii(value)[1:-1]]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(abs(value))
    for text in sorted({text for text in texts if text.strip()}, key=len, reverse=True):
        # A short text may be part of a word of the sentence.
        message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", _HIDDEN, message, flags=re.IGNORECASE)

    def hide(found: re.Match[str]) -> str:
        places = len(found[1] or "")
        shown = float(found[0].replace(",", "").replace("_", ""))
        return _HIDDEN if any(shown in (value, round(value, places)) for value in numbers) else found[0]

    return " ".join(_DIGITS.sub(hide, message).split())


def _kind(field: Field) -> str:
    match field.kind:
        case Kind.NUMBER:
            return f"a number{_range(field)}"
        case Kind.INTEGER:
            return f"an integer{_range(field)}"
        case Kind.BOOLEAN:
            return "true or false"
        case Kind.TIMESTAMP:
            return _TIMES[field.zoned]
        case _ if field.categories:
            return f"one of {', '.join(field.categories)}"
        case _ if field.pattern:
            # A description explains more to a person than a regular expression.
            return f"text ({field.description})" if field.description else f"text that matches {field.pattern}"
    return f"text{_length(field)}"


def _range(field: Field) -> str:
    step = "" if field.multiple_of is None else f" that is a multiple of {field.multiple_of:g}"
    if field.ge is not None and field.le is not None:
        return f" from {field.ge:g} to {field.le:g}{step}"
    bounds = [(word, getattr(field, name)) for word, name in _BOUNDS]
    parts = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    return (f" {' and '.join(parts)}" if parts else "") + step


def _length(field: Field) -> str:
    match field.min_length, field.max_length:
        case None, None:
            return ""
        case None, most:
            return f" of at most {most} characters"
        case least, most if least == most:
            return f" of {most} characters"
        case least, None:
            return f" of at least {least} characters"
        case least, most:
            return f" of {least} to {most} characters"


def _describe_time(field: Field, text: str) -> str:
    """Describe how a text that is no timestamp of the field differs from one."""
    parts = _TIME_TEXT.fullmatch(text)
    if parts is None:
        return "other text"
    day, clock, zone = parts.groups()
    if not _reads(date.fromisoformat, day):
        return "a date that the calendar lacks"
    if clock is None:
        return "a date without a time"
    if not _reads(time.fromisoformat, clock):
        return "a time that the clock lacks"
    if bool(zone) != field.zoned:
        return "a timestamp with a time zone" if zone else "a timestamp without a time zone"
    return "other text"


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _describe_number(field: Field, value: Any) -> str:
    low = (field.ge is not None and value < field.ge) or (field.gt is not None and value <= field.gt)
    high = (field.le is not None and value > field.le) or (field.lt is not None and value >= field.lt)
    return "a number out of range" if low or high else "another number"
