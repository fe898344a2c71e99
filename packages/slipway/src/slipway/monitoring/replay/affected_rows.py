"""The rows that a fault may change, as the kinds of fault see them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from slipway.contract import Field, Kind
from slipway.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class AffectedRows(NamedTuple):
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


def read_number(text: str) -> float:
    """Read a finite number; raises `DataError`."""
    try:
        found = float(text)
    except ValueError:
        found = np.nan
    if not np.isfinite(found):
        raise DataError(f"expected a number, found {text!r}.")
    return found
