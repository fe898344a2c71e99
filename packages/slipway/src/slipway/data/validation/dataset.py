"""Get the problem's dataset as one plain table, or say what stands in the way."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.errors import DataError, ProblemError
from slipway.problem import Problem

if TYPE_CHECKING:
    import pandas as pd


def load_dataset(problem: Problem, folder: Path) -> "pd.DataFrame":
    """Call the problem's `load` and check that a table with rows comes, every column with its own name.

    Raises `DataError` for missing files or an empty table, `ProblemError` for anything but a table.
    """
    try:
        found = problem.load(folder)
    except FileNotFoundError as error:
        raise DataError(
            f"The dataset of {problem.name!r} could not be loaded: no file {error.filename or error}. "
            "Fetch the data that this commit names: dvc pull data.dvc"
        ) from error
    frame = as_table(found, f"load of the problem {problem.name!r}")
    if frame.empty:
        raise DataError(
            f"The dataset that {problem.name!r} loads from {folder} has {len(frame)} rows "
            f"and {len(frame.columns)} columns: nothing to learn from. Look at the files there, "
            "and at the joins in dataset.py."
        )
    return frame.reset_index(drop=True)


def as_table(found: Any, source: str) -> "pd.DataFrame":
    """Check that `found`, which `source` returned, is a data frame whose columns have names, each once."""
    import pandas as pd

    if not isinstance(found, pd.DataFrame):
        raise ProblemError(f"The {source} must return a pandas DataFrame, found {type(found).__name__}.")
    odd = [name for name in found.columns if not isinstance(name, str) or not name]
    if odd:
        raise ProblemError(f"The {source} returns a column named {odd[0]!r}; every name must be text. Rename it.")
    twice = found.columns[found.columns.duplicated()]
    if len(twice):
        raise ProblemError(
            f"The {source} returns the column {twice[0]!r} more than once, as happens in a join of tables "
            "that share it. Drop or rename one of them."
        )
    return found
