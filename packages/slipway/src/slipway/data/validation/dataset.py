"""Load the problem's dataset as one plain table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.data.opened_files import Unopened, watch_files
from slipway.errors import DataError, ProblemError
from slipway.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5


def load_dataset(problem: Problem, folder: Path) -> "pd.DataFrame":
    """Call the problem's `load`, and check that it returns a table with rows and unique column names.

    Raises `DataError` for missing files, files that are not read and an empty table, `ProblemError` for another result.
    """
    with watch_files(folder) as unopened:
        try:
            found = problem.load(folder)
        except FileNotFoundError as error:
            raise DataError(
                f"Cannot load the dataset of {problem.name!r}: no file {error.filename or error}. Fetch the data of "
                "this commit: dvc pull data.dvc"
            ) from error
        _refuse_unread(problem, folder, unopened)
    frame = as_table(found, f"load of the problem {problem.name!r}")
    if frame.empty:
        raise DataError(
            f"The dataset that {problem.name!r} loads from {folder} is empty: {len(frame)} rows and "
            f"{len(frame.columns)} columns. Check the files there, and the joins in dataset.py."
        )
    return frame.reset_index(drop=True)


def _refuse_unread(problem: Problem, folder: Path, unopened: Unopened) -> None:
    if unopened.list_files() and problem.settled:
        problem.settled(folder)
    if unread := unopened.list_files():
        names = [str(path.relative_to(folder)) for path in unread]
        raise DataError(
            f"{folder} has files that dataset.py does not read ({len(names)}): {', '.join(names[:_SHOWN])}"
            f"{', ...' if len(names) > _SHOWN else ''}. data.dvc versions whatever lies there, so a change of such a "
            f"file would look like other data. Read them, or move them out of {folder} and run `dvc add {folder}`."
        )


def as_table(found: Any, source: str) -> "pd.DataFrame":
    """Check that `found`, which `source` returned, is a data frame with unique column names of text."""
    import pandas as pd

    if not isinstance(found, pd.DataFrame):
        raise ProblemError(f"The {source}: expected a pandas DataFrame, found {type(found).__name__}.")
    odd = [name for name in found.columns if not isinstance(name, str) or not name]
    if odd:
        raise ProblemError(f"The {source}: expected column names of text, found {odd[0]!r}. Rename that column.")
    twice = found.columns[found.columns.duplicated()]
    if len(twice):
        raise ProblemError(
            f"The {source} returns the column {twice[0]!r} more than once, as after a join of tables that share it. "
            "Drop or rename one of them."
        )
    return found
