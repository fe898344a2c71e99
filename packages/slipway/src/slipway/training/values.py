"""Make values of one field from its contract and its profile: typical ones, and those at the ends."""

import math
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import msgspec
import numpy as np

from slipway.bundle.profile import Distribution, Profile
from slipway.columns import Columns
from slipway.contract import Field, Kind

# A text that fewer than one row in a hundred has may be one person's own.
_COMMON = 0.01
_DAY = np.timedelta64(1, "D")


class Extreme(NamedTuple):
    """A value to be held against the model, and what it is: missing, unseen, the lowest or the highest."""

    field: str
    what: str
    value: Any


class FieldValues(msgspec.Struct, frozen=True):
    """The values of a field in the training set.

    `deciles` are those of a number, `days` the first and the last of a timestamp, `seen` every text that occurs, of
    which rare ones lend only their form; `missing` is the share of missing values.
    """

    field: Field
    missing: float
    profile: Distribution | None = None
    deciles: tuple[float, ...] = ()
    days: tuple[datetime, datetime] | None = None
    seen: frozenset[str] = frozenset()


def read_values(fields: tuple[Field, ...], columns: Columns, profile: Profile) -> tuple[FieldValues, ...]:
    """Collect what values of each field are made from; `columns` are the training set's."""
    return tuple(_read_field(field, columns, profile) for field in fields)


def typical_value(values: FieldValues, draw: Random, complete: bool) -> Any:
    """Return a value as rows usually have it, missing as often as there, unless the row shall be `complete`."""
    field = values.field
    if field.nullable and draw.random() < (values.missing == 1 if complete else values.missing):
        return None
    match field.kind:
        case Kind.TIMESTAMP:
            first, last = values.days or (datetime(2000, 1, 1), datetime(2000, 12, 31))
            day = first + timedelta(days=draw.randrange((last - first).days + 1))
            return _zoned(field, day.replace(hour=draw.randrange(24), minute=5 * draw.randrange(12)))
        case Kind.BOOLEAN:
            return draw.choices((True, False), [_share(values.profile, "true"), _share(values.profile, "false")])[0]
        case Kind.CATEGORY:
            return _typical_text(values, draw)
    places = np.linspace(0, 1, len(values.deciles))
    return fit_number(
        field, float(np.interp(draw.uniform(0.05, 0.95), places, values.deciles)), _digits(values.deciles)
    )


def extreme_values(values: FieldValues) -> Iterator[Extreme]:
    """Yield what a client may send beside ordinary values; the contract has yet to accept each."""
    field = values.field
    if field.nullable:
        yield Extreme(field.name, "missing", None)
    match field.kind:
        case Kind.CATEGORY:
            unseen = sorted(set(field.categories) - values.seen) if field.categories else _masks(values)
            yield from (Extreme(field.name, "unseen", text) for text in unseen)
        case Kind.BOOLEAN:
            yield from (Extreme(field.name, str(value).lower(), value) for value in (False, True))
        case Kind.TIMESTAMP:
            for what, day in zip(("the first day", "the last day"), values.days or (), strict=False):
                yield Extreme(field.name, what, _zoned(field, day))
        case _:
            for what, end in zip(("the lowest number", "the highest number"), _ends(values), strict=False):
                yield Extreme(field.name, what, end)


def fit_number(field: Field, value: float, digits: int | None = None) -> float | int:
    """Return the number nearest to `value` that the field's bounds, step and type allow."""
    if digits is not None:
        value = round(value, digits)
    low, high = _bounds(field)
    value = min(max(value, low), high)
    if field.multiple_of is None and field.kind is Kind.NUMBER:
        return float(value)
    step = Decimal(repr(field.multiple_of or 1))
    count = round(Decimal(repr(value)) / step)
    if count * step < Decimal(low):
        count += 1
    if count * step > Decimal(high):
        count -= 1
    return int(count * step) if field.kind is Kind.INTEGER else float(count * step)


def mask_text(text: str, letter: int) -> str:
    """Return text of the same form: every letter and digit replaced by one of its kind."""
    return "".join(_mask_letter(old, letter) for old in text)


def _mask_letter(old: str, letter: int) -> str:
    for belongs, kind in ((old.isupper(), string.ascii_uppercase), (old.isdecimal(), string.digits)):
        if belongs:
            return kind[letter % len(kind)]
    return string.ascii_lowercase[letter % 26] if old.isalpha() else old


def _read_field(field: Field, columns: Columns, profile: Profile) -> FieldValues:
    values = columns[field.name]
    if field.kind is Kind.CATEGORY:
        seen = frozenset(value for value in values.tolist() if value is not None)
        return FieldValues(field, profile.inputs[field.name].missing, profile.inputs[field.name], seen=seen)
    if field.kind is not Kind.TIMESTAMP:
        found, known = profile.inputs[field.name], values[~np.isnan(values)]
        deciles = tuple(np.quantile(known, np.linspace(0, 1, 11)).tolist()) if len(known) else ()
        return FieldValues(field, found.missing, found, deciles)
    known = values[~np.isnat(values)]
    if not len(known):
        return FieldValues(field, 1.0)
    first, last = known.min().astype("datetime64[D]"), known.max().astype("datetime64[D]") + _DAY
    days = (first.astype("datetime64[us]").item(), last.astype("datetime64[us]").item())
    return FieldValues(field, 1 - len(known) / len(values), days=days)


def _typical_text(values: FieldValues, draw: Random) -> str:
    """Return a text that many rows share, else a made one of the same form."""
    profile = values.profile
    shares = [] if profile is None else list(zip(profile.categories, profile.shares, strict=True))
    common = [(text, share) for text, share in shares if values.field.categories or share >= _COMMON]
    if common:
        return draw.choices([text for text, _ in common], [share for _, share in common])[0]
    forms = sorted(values.seen)
    form = forms[draw.randrange(len(forms))] if forms else "text"
    made = [mask_text(form, letter) for letter in draw.sample(range(26), 26)]
    return next((text for text in made if text not in values.seen), made[0])


def _masks(values: FieldValues) -> Iterator[str]:
    """Yield texts of the forms that occur, none of which occurs itself."""
    for form in sorted({mask_text(text, 0) for text in values.seen}) or ["a"]:
        for text in (mask_text(form, letter) for letter in range(25, -1, -1)):
            if text not in values.seen:
                yield text


def _ends(values: FieldValues) -> list[float | int]:
    """Return the contract's bounds; where it has none, round figures near the smallest and the largest value seen."""
    field, deciles = values.field, values.deciles
    seen = (round(end, _digits(deciles) - 1) for end in (deciles[:1] + deciles[-1:]))
    ends = zip(_bounds(field), seen, strict=False)
    return [fit_number(field, bound if math.isfinite(bound) else end) for bound, end in ends]


def _bounds(field: Field) -> tuple[float, float]:
    """Return the lowest and the highest number that the contract allows, infinite where it does not say."""
    low, high = field.ge, field.le
    if field.gt is not None:
        low = field.gt + _step(field, field.gt)
    if field.lt is not None:
        high = field.lt - _step(field, field.lt)
    return -math.inf if low is None else low, math.inf if high is None else high


def _step(field: Field, bound: float) -> float:
    """Return the distance from a bound that is itself excluded: values nearer to it are the same to a model."""
    return 1.0 if field.kind is Kind.INTEGER else 1e-6 * max(1.0, abs(bound))


def _digits(deciles: tuple[float, ...]) -> int:
    """Return how many decimals tell a thousandth of the range."""
    width = deciles[-1] - deciles[0] if deciles else 0.0
    return 3 - math.ceil(math.log10(width)) if width > 0 else 6


def _share(profile: Distribution | None, name: str) -> float:
    """Return the share of a truth value, above zero so that either can be drawn."""
    return dict(zip(profile.categories, profile.shares, strict=True)).get(name, 0.0) + 1e-9 if profile else 1.0


def _zoned(field: Field, value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if field.zoned else value
