"""Refuse inputs that mean something else in float32, the type of the model's tensor."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slipway.columns import Columns
from slipway.contract import Field, Kind
from slipway.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Share of distinct values that may fall together. Whole numbers are ids, counts or instants, of which each one counts;
# of measurements with sixteen digits some fall together by chance where there are millions.
_WHOLE, _MEASURED = 0.01, 0.1


def refuse_lost_integers(fields: tuple[Field, ...], frame: "pd.DataFrame", columns: Columns) -> None:
    """Raise `DataError` for an integer column of `frame` of which float64, the type of `columns`, loses values."""
    for field in fields:
        if field.kind is Kind.INTEGER and np.nanmax(np.abs(columns[field.name]), initial=0) >= 2.0**53:
            exact, kept = (
                frame[field.name].nunique(),
                len(np.unique(columns[field.name][~np.isnan(columns[field.name])])),
            )
            if kept < exact:
                raise DataError(_explain(f"column {field.name!r}", exact, kept, "float64", "9,007,199,254,740,992"))


def refuse_lost_values(features: Columns) -> None:
    """Raise `DataError` for a number of which too many distinct values are one value in float32."""
    for name, values in features.items():
        if values.dtype.kind not in "fiu":
            continue
        exact, kept = count_distinct(values)
        if kept < exact:
            raise DataError(_explain(f"feature {name!r}", exact, kept, "float32", "16,777,216"))


def count_distinct(values: NDArray[Any]) -> tuple[int, int]:
    """Return the number of distinct values, and how many of them float32 keeps: all, if as many as can be expected."""
    exact = np.unique(values[np.isfinite(values)])
    with np.errstate(over="ignore"):
        kept = len(np.unique(exact.astype(np.float32)))
    most = _WHOLE if (exact == np.floor(exact)).all() else _MEASURED
    return len(exact), kept if len(exact) - kept > most * len(exact) else len(exact)


def _explain(what: str, exact: int, kept: int, kind: str, largest: str) -> str:
    return (
        f"The {what} means something else to the model: its {exact:,} distinct values are {kept:,} in {kind}, which "
        f"holds whole numbers up to {largest}. Subtract in features.py what its values have in common (the first day, "
        "the smallest id), divide it into parts, make it text, or leave it out."
    )
