"""Compare features of pandas code with features.py, row by row on the problem's data."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.columns import frame_to_columns
from slipway.contract import read_contract
from slipway.errors import ProblemError, first_line
from slipway.problem import Problem
from slipway.training.fit import derive_features

if TYPE_CHECKING:
    import pandas as pd

# Numbers reach the model as float32, which has seven digits.
TOLERANCE = 1e-6
_EXAMPLES = 3


class ColumnCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One feature in both: its types, the rows that differ, the largest difference of numbers, and the first examples.

    `differing` is None where the types cannot be compared; an example is a row from 1, the old value and the new one.
    """

    name: str
    old_type: str
    new_type: str
    differing: int | None
    largest: float | None = None
    examples: tuple[tuple[int, str, str], ...] = ()


class FeatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions of the features on the same rows: the columns that only one has, and those that both have."""

    rows: int
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    columns: tuple[ColumnCheck, ...]

    @property
    def is_equal(self) -> bool:
        """Return whether every column is in both, with equal values."""
        return not (self.only_old or self.only_new or any(each.differing != 0 for each in self.columns))


Function = Callable[["pd.DataFrame"], "pd.DataFrame"]


def load_function(path: Path, name: str) -> Function:
    """Run a Python file and return its function `name`; raises `ProblemError` where it fails or has none."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ProblemError(f"There is no Python file {path}. Name one that ends in .py, with a function {name}(df).")
    module = importlib.util.module_from_spec(spec)
    # A file may import its neighbours.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file is a person's own code, which may raise anything
        raise ProblemError(f"{path} cannot be run: {type(error).__name__}: {first_line(error)}") from error
    finally:
        sys.path.pop(0)
    found = getattr(module, name, None)
    if not callable(found):
        raise ProblemError(f"{path} has no function {name}. Name the one that takes and returns a frame: --function.")
    return found


def compare_features(problem: Problem, frame: "pd.DataFrame", old: Function) -> FeatureCheck:
    """Compare `old` with the problem's features on the contract's columns of `frame`; raises `ProblemError`."""
    fields = read_contract(problem.contract)
    given = frame[[field.name for field in fields]].reset_index(drop=True)
    before = _call(old, given)
    after = derive_features(problem, frame_to_columns(fields, given))
    both = [name for name in after if name in before]
    return FeatureCheck(
        rows=len(given),
        only_old=tuple(str(name) for name in before if name not in after),
        only_new=tuple(name for name in after if name not in before),
        columns=tuple(_compare(name, before[name], after[name]) for name in both),
    )


def _call(old: Function, given: "pd.DataFrame") -> "pd.DataFrame":
    """Return what the function makes of the rows, in their order."""
    import pandas as pd

    name = getattr(old, "__name__", "the function")
    try:
        found = old(given.copy())
    except Exception as error:  # a person's own code, which may raise anything
        raise ProblemError(
            f"{name}(df) fails on the contract's columns ({', '.join(given)}): {type(error).__name__}: "
            f"{first_line(error)} It gets the columns that a client sends, as features.py does."
        ) from error
    if not isinstance(found, pd.DataFrame):
        raise ProblemError(f"{name}(df) returned a {type(found).__name__}, expected a DataFrame with a row per row.")
    if len(found) != len(given) or not found.index.isin(given.index).all() or not found.index.is_unique:
        raise ProblemError(
            f"{name}(df) returned {len(found):,} rows for {len(given):,}, or another index: expected every row once. "
            "Features may neither drop nor add rows; move filters to dataset.py."
        )
    return found.reindex(given.index)


def _compare(name: str, series: "pd.Series", after: NDArray[Any]) -> ColumnCheck:
    before = _plain(series)
    types: dict[str, Any] = {"name": name, "old_type": str(series.dtype), "new_type": _name_type(after)}
    if (before.dtype.kind == "f") != (after.dtype.kind in "fiub"):
        return ColumnCheck(differing=None, examples=_show(before, after, np.arange(len(after))), **types)
    if before.dtype.kind != "f":
        texts = np.array([None if value is None else str(value) for value in after.tolist()], dtype=object)
        rows = np.flatnonzero(before != texts)
        return ColumnCheck(differing=len(rows), examples=_show(before, texts, rows), **types)
    numbers = after.astype(np.float64)
    same = np.isclose(before, numbers, rtol=TOLERANCE, atol=0, equal_nan=True)
    rows = np.flatnonzero(~same)
    known = rows[np.isfinite(before[rows]) & np.isfinite(numbers[rows])]
    largest = float(np.abs(before[known] - numbers[known]).max()) if len(known) else None
    return ColumnCheck(differing=len(rows), largest=largest, examples=_show(before, numbers, rows), **types)


def _plain(series: "pd.Series") -> NDArray[Any]:
    """Return numbers and truth values as float64 with NaN, anything else as text with None."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        return np.asarray(series.astype("Float64").to_numpy(np.float64, na_value=np.nan))
    missing = series.isna().to_numpy()
    texts = np.array([str(value) for value in series.tolist()], dtype=object)
    texts[missing] = None
    return texts


def _name_type(values: NDArray[Any]) -> str:
    return "text" if values.dtype.kind in "OU" else str(values.dtype)


def _show(before: NDArray[Any], after: NDArray[Any], rows: NDArray[np.intp]) -> tuple[tuple[int, str, str], ...]:
    first = rows[:_EXAMPLES].tolist()
    return tuple(
        (row + 1, str(before[row : row + 1].tolist()[0]), str(after[row : row + 1].tolist()[0])) for row in first
    )
