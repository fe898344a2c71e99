"""Faults of the inputs: the values of one column change."""

from typing import TYPE_CHECKING, Any

import numpy as np

from slipway.contract import Field, Kind
from slipway.errors import DataError
from slipway.monitoring.replay.affected_rows import AffectedRows, read_number
from slipway.training.values import mask_text

if TYPE_CHECKING:
    import pandas as pd

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


def convert_unit(rows: AffectedRows, column: str, factor: str = "", offset: str = "0") -> "pd.DataFrame":
    """Give the column in another unit: by the factor and offset, or those of the contract's unit."""
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


def remove_values(rows: AffectedRows, column: str, share: str) -> "pd.DataFrame":
    """Remove a share of the column's values."""
    rows.field(column)
    return rows.write(column, rows.share(share), None)


def write_unseen_text(rows: AffectedRows, column: str, share: str, value: str = "") -> "pd.DataFrame":
    """Write a text that never occurred, made in the form of the most frequent one, to a share of the rows."""
    rows.field(column, Kind.CATEGORY)
    counts = rows.frame[column].value_counts()
    if not value:
        made = [mask_text(form, letter) for form in counts.index[:1] for letter in range(25, -1, -1)]
        value = next((text for text in made if text not in counts.index), "")
    if not value or value in counts.index:
        raise DataError(f"{value or 'every text of this form'} occurs in {column}. Name one that does not.")
    return rows.write(column, rows.share(share), value)


def exceed_range(rows: AffectedRows, column: str, share: str) -> "pd.DataFrame":
    """Write a number outside of the contract's range to a share of the rows."""
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER)
    high, low = (field.le if field.le is not None else field.lt), (field.ge if field.ge is not None else field.gt)
    if high is None and low is None:
        raise DataError(f"the contract gives {column} no range.")
    return rows.write(column, rows.share(share), high + 1 if high is not None else (low or 0.0) - 1)


def hold_constant(rows: AffectedRows, column: str, value: str = "") -> "pd.DataFrame":
    """Hold the column at one value, its first of the period unless one is given."""
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER, Kind.CATEGORY)
    known = rows.frame.loc[rows.within, column].dropna()
    if not value and known.empty:
        raise DataError(f"no row of the period has a value of {column}. Name one, as in constant:{column}:VALUE.")
    stuck = known.iloc[0] if not value else value if field.kind is Kind.CATEGORY else read_number(value)
    return rows.write(column, rows.within, stuck)


def repeat_old_values(rows: AffectedRows, column: str, hours: str, by: str = "") -> "pd.DataFrame":
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


def shift_values(rows: AffectedRows, column: str, amount: str) -> "pd.DataFrame":
    """Move a timestamp by hours, a number by its own unit."""
    import pandas as pd

    field, by = rows.field(column, Kind.NUMBER, Kind.INTEGER, Kind.TIMESTAMP), read_number(amount)
    if field.kind is Kind.TIMESTAMP:
        old = rows.frame[column]
        rows.frame[column] = old.mask(rows.within, old + pd.Timedelta(hours=by))
        return rows.frame
    return rows.write(column, rows.within, _fit(field, _numbers(rows, column) + by))


def add_slope(rows: AffectedRows, column: str, amount: str = "") -> "pd.DataFrame":
    """Add a slope that reaches the amount, or two standard deviations, on the last row of the period."""
    field = rows.field(column, Kind.NUMBER, Kind.INTEGER)
    values = _numbers(rows, column)
    most = read_number(amount) if amount else 2 * float(np.nanstd(values))
    ramp = np.cumsum(rows.within) / max(1, int(rows.within.sum()))
    return rows.write(column, rows.within, _fit(field, values + most * ramp))


def swap_values(rows: AffectedRows, column: str, one: str, other: str) -> "pd.DataFrame":
    """Exchange two values of a category."""
    rows.field(column, Kind.CATEGORY)
    here, there = rows.having(f"{column}={one}"), rows.having(f"{column}={other}")
    return rows.write(column, here | there, np.where(here, other, one))


def _numbers(rows: AffectedRows, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return rows.frame[column].to_numpy(dtype="float64", na_value=np.nan)


def _whole(field: Field, values: Any) -> Any:
    return np.round(values) if field.kind is Kind.INTEGER else values


def _fit(field: Field, values: Any) -> Any:
    """Keep values inside of the contract's range: these faults are those that no range finds."""
    return _whole(field, np.clip(values, field.ge, field.le))
