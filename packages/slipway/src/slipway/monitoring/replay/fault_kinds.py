"""The kinds of fault: pure functions from rows to rows, and a table that names them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from slipway.contract import Field, Kind
from slipway.errors import DataError
from slipway.training.values import mask_text

if TYPE_CHECKING:
    import pandas as pd

# A column of booleans: the rows in which a field is sent under another name.
RENAMED = "renamed:"
Mask = np.ndarray[Any, np.dtype[np.bool_]]
# Factor and offset to the unit in which another system would give the same value.
_OTHER_UNITS = {
    "degF": (5 / 9, -160 / 9),
    "degC": (9 / 5, 32.0),
    "mph": (0.44704, 0.0),
    "m/s": (1 / 0.44704, 0.0),
    "km/h": (1 / 1.609344, 0.0),
    "miles": (1.609344, 0.0),
    "km": (1 / 1.609344, 0.0),
    "inches": (25.4, 0.0),
    "mm": (1 / 25.4, 0.0),
    "millibars": (0.02953, 0.0),
    "hPa": (0.02953, 0.0),
    "kg": (2.204623, 0.0),
    "lb": (1 / 2.204623, 0.0),
    "%": (0.01, 0.0),
}


class Affected(NamedTuple):
    """Rows that a fault may change (a copy), those that lie in its period, the contract, and the fault's own dice."""

    frame: "pd.DataFrame"
    within: Mask
    fields: Mapping[str, Field]
    draw: np.random.Generator

    def field(self, column: str, *kinds: Kind) -> Field:
        """Return the contract's field; raises `DataError` unless it exists and is of one of the kinds."""
        if column not in self.fields:
            raise DataError(f"the contract has no field {column!r}; it has {', '.join(self.fields)}.")
        found = self.fields[column]
        if kinds and found.kind not in kinds:
            raise DataError(f"{column} is of the kind {found.kind}, expected {' or '.join(kinds)}.")
        return found

    def share(self, text: str) -> Mask:
        """Draw that share of the rows in the period."""
        share = read_number(text)
        if not 0 < share <= 1:
            raise DataError(f"expected a share above 0 and up to 1, found {text}.")
        return self.within & (self.draw.random(len(self.frame)) < share)

    def having(self, condition: str) -> Mask:
        """Return which rows of the period have COLUMN=VALUE."""
        column, _, value = condition.partition("=")
        self.field(column)
        found = self.within & (self.frame[column].astype(str) == value).to_numpy(dtype=bool, na_value=False)
        if not found.any():
            raise DataError(f"no row of the period has {column} = {value!r}.")
        return found

    def write(self, column: str, rows: Mask, values: Any) -> "pd.DataFrame":
        """Return the frame with other values in some rows of a column."""
        import pandas as pd

        old = self.frame[column]
        new = pd.Series(values, index=old.index) if isinstance(values, (np.ndarray, list)) else values
        if values is None:
            self.frame[column] = old.mask(rows)
        elif pd.api.types.is_numeric_dtype(old.dtype) and not pd.api.types.is_bool_dtype(old.dtype):
            self.frame[column] = old.astype("float64").mask(rows, new)
        else:
            self.frame[column] = old.astype(object).mask(rows, new)
        return self.frame


class FaultKind(NamedTuple):
    """One kind: how it is written, what it does, the fewest and most arguments, and the function that does it."""

    usage: str
    help: str
    fewest: int
    most: int
    inject: Callable[..., "pd.DataFrame"]


def read_number(text: str) -> float:
    """Read a finite number; raises `DataError`."""
    try:
        found = float(text)
    except ValueError:
        found = np.nan
    if not np.isfinite(found):
        raise DataError(f"expected a number, found {text!r}.")
    return found


def _unit(rows: Affected, column: str, factor: str = "", offset: str = "0") -> "pd.DataFrame":
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER)
    if factor:
        by, plus = read_number(factor), read_number(offset)
    elif field.unit in _OTHER_UNITS:
        by, plus = _OTHER_UNITS[field.unit]
    else:
        raise DataError(
            f"{column} has the unit {field.unit!r}, of which no other unit is known. Add a factor, as in "
            f"unit:{column}:1000; known units: {', '.join(_OTHER_UNITS)}."
        )
    return rows.write(column, rows.within, _whole(field, _numbers(rows, column) * by + plus))


def _missing(rows: Affected, column: str, share: str) -> "pd.DataFrame":
    rows.field(column)
    return rows.write(column, rows.share(share), None)


def _unseen(rows: Affected, column: str, share: str, value: str = "") -> "pd.DataFrame":
    rows.field(column, Kind.CATEGORY)
    counts = rows.frame[column].value_counts()
    if not value:
        made = [mask_text(form, letter) for form in counts.index[:1] for letter in range(25, -1, -1)]
        value = next((text for text in made if text not in counts.index), "")
    if not value or value in counts.index:
        raise DataError(f"{value or 'every text of this form'} occurs in {column}. Name one that does not.")
    return rows.write(column, rows.share(share), value)


def _outside(rows: Affected, column: str, share: str) -> "pd.DataFrame":
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER)
    high, low = (field.le if field.le is not None else field.lt), (field.ge if field.ge is not None else field.gt)
    if high is None and low is None:
        raise DataError(f"the contract gives {column} no range.")
    return rows.write(column, rows.share(share), high + 1 if high is not None else (low or 0.0) - 1)


def _constant(rows: Affected, column: str, value: str = "") -> "pd.DataFrame":
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER, Kind.CATEGORY)
    known = rows.frame.loc[rows.within, column].dropna()
    if not value and known.empty:
        raise DataError(f"no row of the period has a value of {column}. Name one, as in constant:{column}:VALUE.")
    stuck = known.iloc[0] if not value else value if field.kind is Kind.CATEGORY else read_number(value)
    return rows.write(column, rows.within, stuck)


def _stale(rows: Affected, column: str, hours: str, by: str = "") -> "pd.DataFrame":
    """Give each row the value that the last row had that many hours before, or else the first row."""
    import pandas as pd

    rows.field(column)
    if by:
        rows.field(by)
    moment = rows.frame["time"]
    part = rows.frame[by] if by else pd.Series(0, index=moment.index)
    table = pd.DataFrame({"moment": moment, "part": part, "row": np.arange(len(moment))})
    earlier = table.assign(moment=moment - pd.Timedelta(hours=read_number(hours)))
    found = pd.merge_asof(earlier[["moment", "part"]], table, on="moment", by="part")["row"].to_numpy()
    first = table.groupby("part", dropna=False)["row"].transform("min").to_numpy()
    origin = np.where(np.isnan(found), first, found).astype(np.intp)
    return rows.write(column, rows.within, rows.frame[column].to_numpy()[origin])


def _shift(rows: Affected, column: str, amount: str) -> "pd.DataFrame":
    import pandas as pd

    field, by = rows.field(column, Kind.NUMBER, Kind.INTEGER, Kind.TIMESTAMP), read_number(amount)
    if field.kind is Kind.TIMESTAMP:
        old = rows.frame[column]
        rows.frame[column] = old.mask(rows.within, old + pd.Timedelta(hours=by))
        return rows.frame
    return rows.write(column, rows.within, _fit(field, _numbers(rows, column) + by))


def _slow(rows: Affected, column: str, amount: str = "") -> "pd.DataFrame":
    """Add a slope that reaches the amount, or two standard deviations, on the last row of the period."""
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER)
    values = _numbers(rows, column)
    most = read_number(amount) if amount else 2 * float(np.nanstd(values))
    ramp = np.cumsum(rows.within) / max(1, int(rows.within.sum()))
    return rows.write(column, rows.within, _fit(field, values + most * ramp))


def _swap(rows: Affected, column: str, one: str, other: str) -> "pd.DataFrame":
    rows.field(column, Kind.CATEGORY)
    here, there = rows.having(f"{column}={one}"), rows.having(f"{column}={other}")
    return rows.write(column, here | there, np.where(here, other, one))


def _rename(rows: Affected, column: str) -> "pd.DataFrame":
    rows.field(column)
    rows.frame[RENAMED + column] = rows.within
    return rows.frame


def _drop(rows: Affected, column: str, value: str) -> "pd.DataFrame":
    return rows.frame[~rows.having(f"{column}={value}")]


def _duplicate(rows: Affected, share: str) -> "pd.DataFrame":
    again = rows.share(share)
    return rows.frame.loc[rows.frame.index.repeat(1 + again)]


def _flip_labels(rows: Affected, share: str) -> "pd.DataFrame":
    """Negate the outcomes of a yes/no question; exchange those of another question among the rows drawn."""
    chosen, target = rows.share(share), rows.frame["target"]
    if target.dtype == bool:
        rows.frame["target"] = target ^ chosen
    else:
        rows.frame.loc[chosen, "target"] = rows.draw.permutation(target[chosen].to_numpy())
    return rows.frame


def _lose_labels(rows: Affected, share: str) -> "pd.DataFrame":
    rows.frame["settled"] = rows.frame["settled"].mask(rows.share(share))
    return rows.frame


def _delay_labels(rows: Affected, hours: str) -> "pd.DataFrame":
    import pandas as pd

    settled = rows.frame["settled"]
    rows.frame["settled"] = settled.mask(rows.within, settled + pd.Timedelta(hours=read_number(hours)))
    return rows.frame


def _outcome(rows: Affected, condition: str, share: str) -> "pd.DataFrame":
    """Change what follows from the same inputs: a share of other outcomes becomes the last class, a number grows."""
    part, target = rows.having(condition), rows.frame["target"]
    if target.dtype == bool:
        rows.frame["target"] = target | (part & rows.share(share))
    elif np.issubdtype(target.to_numpy().dtype, np.number):
        rows.frame["target"] = target.mask(part, target * (1 + read_number(share)))
    else:
        rows.frame["target"] = target.mask(part & rows.share(share), max(target))
    return rows.frame


def _numbers(rows: Affected, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return rows.frame[column].to_numpy(dtype="float64", na_value=np.nan)


def _whole(field: Field, values: Any) -> Any:
    return np.round(values) if field.kind is Kind.INTEGER else values


def _fit(field: Field, values: Any) -> Any:
    """Keep values inside of the contract's range: these faults are those that no range finds."""
    return _whole(field, np.clip(values, field.ge, field.le))


KINDS: dict[str, FaultKind] = {
    "unit": FaultKind("unit:COLUMN[:FACTOR[:OFFSET]]", "the column in another unit (degF in degC)", 1, 3, _unit),
    "missing": FaultKind("missing:COLUMN:SHARE", "that share of the values is missing", 2, 2, _missing),
    "unseen": FaultKind("unseen:COLUMN:SHARE[:VALUE]", "that share gets a text that never occurred", 2, 3, _unseen),
    "outside": FaultKind("outside:COLUMN:SHARE", "that share lies outside of the contract's range", 2, 2, _outside),
    "constant": FaultKind("constant:COLUMN[:VALUE]", "the column stays at one value", 1, 2, _constant),
    "stale": FaultKind("stale:COLUMN:HOURS[:BY]", "values are that old (of the same BY, a column)", 2, 3, _stale),
    "shift": FaultKind("shift:COLUMN:AMOUNT", "a timestamp moves by hours, a number by its unit", 2, 2, _shift),
    "slow": FaultKind("slow:COLUMN[:AMOUNT]", "a number moves a little every day, up to the amount", 1, 2, _slow),
    "swap": FaultKind("swap:COLUMN:VALUE:VALUE", "two values of the column change places", 3, 3, _swap),
    "rename": FaultKind("rename:COLUMN", "the field is sent under another name, which is refused", 1, 1, _rename),
    "drop": FaultKind("drop-COLUMN:VALUE", "rows with that value are not sent", 2, 2, _drop),
    "duplicate": FaultKind("duplicate:SHARE", "that share of the rows is sent twice", 1, 1, _duplicate),
    "labels:flip": FaultKind("labels:flip:SHARE", "that share of the outcomes is wrong", 1, 1, _flip_labels),
    "labels:lost": FaultKind("labels:lost:SHARE", "that share of the outcomes never comes", 1, 1, _lose_labels),
    "labels:late": FaultKind("labels:late:HOURS", "outcomes come that much later", 1, 1, _delay_labels),
    "outcome": FaultKind(
        "outcome:COLUMN=VALUE:SHARE",
        "the world changes: that share of the part's other outcomes comes true",
        2,
        2,
        _outcome,
    ),
}
