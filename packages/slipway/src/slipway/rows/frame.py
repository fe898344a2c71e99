"""Check a data frame against the contract, each row as a client would send it."""

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from slipway.columns import take_rows
from slipway.contract import Kind
from slipway.rows.check import Fault, ReadColumn, check_columns, read_column, read_distinct
from slipway.rows.rules import Rule, read_rules
from slipway.violations import CHANGED_VALUE

if TYPE_CHECKING:
    import pandas as pd


def check_frame(contract: type[msgspec.Struct], frame: "pd.DataFrame") -> list[Fault]:
    """List the rows of `frame` that the service would refuse, each by its first fault; absent columns are left out."""
    rules = [rule for rule in read_rules(contract) if rule.name in frame]
    if not rules:
        return []
    read = {rule.name: _read_series(rule, frame[rule.name]) for rule in rules}
    checked = check_columns(contract, rules, read)
    if not hasattr(contract, "__post_init__"):
        return checked.faults
    given = take_rows({name: values for name, (values, _) in read.items()}, checked.valid)
    places = np.flatnonzero(checked.valid)
    changed = [Fault(rule.name, str(CHANGED_VALUE), places[_differ(given, checked.columns, rule)]) for rule in rules]
    return checked.faults + [fault for fault in changed if len(fault.rows)]


def plain_value(value: Any) -> Any:
    """Return a value of pandas or numpy as one of Python's own; a missing one as None."""
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
    if isinstance(value, np.generic):
        value = value.item()
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _differ(given: Any, taken: Any, rule: Rule) -> Any:
    before, after = given[rule.name], taken[rule.name]
    if before.dtype.kind == "O":
        return before != after
    missing = np.isnat if before.dtype.kind == "M" else np.isnan
    return (before != after) & ~(missing(before) & missing(after))


def _read_series(rule: Rule, series: "pd.Series") -> ReadColumn:
    import pandas as pd

    if series.dtype == object and "mixed" in pd.api.types.infer_dtype(series, skipna=True):
        return _read_objects(rule, series)
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # what Arrow has no type for
        return _read_objects(rule, series)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if rule.fits(array.type):
        return read_column(rule, array)
    if (pa.types.is_floating(array.type) and rule.field.kind is Kind.INTEGER) or pa.types.is_nested(array.type):
        return _read_objects(rule, series)
    # All values of another type break the contract in one way.
    codes = series.isna().to_numpy().astype(np.intp)
    first = next((plain_value(value) for value in series[codes == 0]), None)
    return read_distinct(rule, [first, None], codes)


def _read_objects(rule: Rule, series: "pd.Series") -> ReadColumn:
    """Read values of several types: each distinct one once."""
    known: dict[Any, int] = {}
    values: list[Any] = []
    codes = np.empty(len(series), dtype=np.intp)
    for row, value in enumerate(map(plain_value, series)):
        try:
            codes[row] = known.setdefault((type(value), value), len(values))
        except TypeError:  # a list or an object
            codes[row] = len(values)
        if codes[row] == len(values):
            values.append(value)
    codes[[value is None for value in (values[code] for code in codes)]] = len(values)
    return read_distinct(rule, [*values, None], codes)
