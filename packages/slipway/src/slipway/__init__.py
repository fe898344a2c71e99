"""The public names of Slipway, those that a problem package uses; every other module may move between versions."""

from typing import TYPE_CHECKING, Any

from slipway.errors import DataError, SlipwayError
from slipway.files import new_file
from slipway.problem import Card, Expectation, Problem, Slice, Task, View

if TYPE_CHECKING:
    from slipway.tables import read_parquet_folder

__all__ = [
    "Card",
    "DataError",
    "Expectation",
    "Problem",
    "Slice",
    "SlipwayError",
    "Task",
    "View",
    "new_file",
    "read_parquet_folder",
]


def __getattr__(name: str) -> Any:
    """Import the reader of tables when it is first used: the serving image has no pyarrow."""
    if name == "read_parquet_folder":
        from slipway.tables import read_parquet_folder

        return read_parquet_folder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
