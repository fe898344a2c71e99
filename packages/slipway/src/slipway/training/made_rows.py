"""Make synthetic rows from the contract and the profile, each accepted by the contract's own reader."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec
import numpy as np

from slipway.bundle.profile import Profile
from slipway.columns import Columns, columns_to_arguments, count_rows, spread_rows, take_rows
from slipway.contract import Field
from slipway.errors import ProblemError, first_line
from slipway.training.values import FieldValues, extreme_values, read_values, typical_value

ORDINARY = 16
# Ordinary rows to choose from, so that the chosen ones score differently.
_POOL = 64
# A contract whose rules of several fields refuse more than 98 of 100 rows made field by field needs whole rows.
_TRIES = 3200
# Without missing values, for those who look at one example.
_COMPLETE = 4

Row = dict[str, Any]


class Made(NamedTuple):
    """A row as a client sends it, the struct that the contract makes of it, and how it differs from ordinary ones."""

    sent: Row
    struct: msgspec.Struct
    field: str | None = None
    what: str = "ordinary"


class MadeRows(NamedTuple):
    """Ordinary rows, and rows with one extreme value each, on several ordinary ones."""

    ordinary: tuple[Made, ...]
    extreme: tuple[Made, ...]

    @property
    def all(self) -> tuple[Made, ...]:
        """Return the ordinary rows, then the extreme ones."""
        return self.ordinary + self.extreme


def make_rows(
    contract: type[msgspec.Struct], fields: tuple[Field, ...], columns: Columns, profile: Profile
) -> MadeRows:
    """Make rows like those of the training set `columns`, none of which is one of them.

    Where the contract's rules tie fields to each other, so that rows made field by field are refused, a training row
    is altered in every field that the rules leave free. Raises `ProblemError` where the contract accepts no made row.
    """
    values = read_values(fields, columns, profile)
    ordinary = _take(_drawn(contract, values), columns, _POOL)
    if len(ordinary) < ORDINARY:
        ordinary += _take(_altered(contract, fields, values, columns), columns, ORDINARY - len(ordinary))
    # A contract of a few closed fields has so few rows that the training set has them all: they identify no person.
    ordinary = ordinary or _take(_drawn(contract, values), None, ORDINARY)
    if not ordinary:
        raise ProblemError(
            f"The contract {contract.__name__} accepted none of {_TRIES:,} rows made of typical values of its fields, "
            "and no row of the training set. Look at its __post_init__ and its patterns in contract.py, and at what "
            "dataset.py loads: golden rows need values that it accepts."
        )
    ordinary.sort(key=lambda made: sum(value is None for value in made.sent.values()))
    return MadeRows(tuple(ordinary), tuple(_extremes(contract, values, ordinary[:ORDINARY])))


def _drawn(contract: type[msgspec.Struct], values: Sequence[FieldValues]) -> Iterator[Made]:
    for number in range(_TRIES):
        draw = Random(number)  # noqa: S311 - the same rows in every process
        row = {each.field.name: typical_value(each, draw, number < _COMPLETE) for each in values}
        if made := _accept(contract, row):
            yield made


def _altered(
    contract: type[msgspec.Struct], fields: tuple[Field, ...], values: Sequence[FieldValues], columns: Columns
) -> Iterator[Made]:
    spread = spread_rows(count_rows(columns), _POOL)
    for number, row in enumerate(columns_to_arguments(fields, take_rows(columns, spread))):
        draw, made = Random(number), None  # noqa: S311
        for each in values:
            other = row | {each.field.name: typical_value(each, draw, False)}
            if found := _accept(contract, other):
                row, made = other, found
        if made:
            yield made


def _take(rows: Iterator[Made], columns: Columns | None, most: int) -> list[Made]:
    """Take up to `most` different rows that the training set does not have."""
    taken: dict[bytes, Made] = {}
    for made in rows:
        if len(taken) == most:
            break
        if columns is None or not _occurs(made.struct, columns):
            taken.setdefault(msgspec.json.encode(made.sent), made)
    return list(taken.values())


def _extremes(contract: type[msgspec.Struct], values: Sequence[FieldValues], bases: Sequence[Made]) -> Iterator[Made]:
    for each in values:
        done: dict[str, int] = {}
        for extreme in extreme_values(each):
            if done.get(extreme.what):
                continue
            for base in bases:
                row = msgspec.structs.asdict(base.struct) | {extreme.field: extreme.value}
                if made := _accept(contract, row):
                    done[extreme.what] = done.get(extreme.what, 0) + 1
                    yield made._replace(field=extreme.field, what=extreme.what)


def _accept(contract: type[msgspec.Struct], row: Row) -> Made | None:
    """Return the row as a client sends it if the contract accepts it, names and text forms included."""
    names = dict(zip(contract.__struct_fields__, contract.__struct_encode_fields__, strict=True))
    sent = msgspec.json.decode(msgspec.json.encode({names[name]: value for name, value in row.items()}))
    try:
        return Made(sent, msgspec.convert(sent, contract))
    except (msgspec.ValidationError, OverflowError):
        return None
    except Exception as error:
        raise ProblemError(
            f"The contract {contract.__name__} raises {type(error).__name__} on a row that its fields accept, which "
            f"the service could not answer: {first_line(error)} Raise ValueError in __post_init__ for a row to "
            "refuse, and let it handle every value of its fields, null and unknown text included."
        ) from error


def _occurs(struct: msgspec.Struct, columns: Columns) -> bool:
    """Tell whether a training row has every value of this one."""
    rows = np.arange(count_rows(columns))
    for name, found in columns.items():
        value = getattr(struct, name)
        if found.dtype.kind == "M":
            same = np.isnat(found[rows]) if value is None else found[rows] == np.datetime64(_naive(value))
        elif found.dtype == object:
            same = found[rows] == value
        else:
            same = np.isnan(found[rows]) if value is None else found[rows] == value
        rows = rows[same]
        if not len(rows):
            return False
    return True


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None)
