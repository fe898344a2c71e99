"""The public names of Slipway that a problem package uses; README.md of the package lists what else is public."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.errors import DataError, SlipwayError
    from slipway.files.writing import new_file
    from slipway.problem import Card, Expectation, Problem, Slice, Task, View
    from slipway.rows.folder import read_folder

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
    "read_folder",
]

_MODULES = {
    **dict.fromkeys(("DataError", "SlipwayError"), "slipway.errors"),
    **dict.fromkeys(("Card", "Expectation", "Problem", "Slice", "Task", "View"), "slipway.problem"),
    "new_file": "slipway.files.writing",
    "read_folder": "slipway.rows.folder",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: `slipway --help` needs none, the serving image has no pyarrow."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
