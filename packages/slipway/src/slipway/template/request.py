"""What a person says about a new problem, and the names that follow from it."""

import keyword
import re
from collections.abc import Iterable

import msgspec

from slipway.contract import RESERVED
from slipway.errors import SettingsError
from slipway.problem import Task


class NewProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a problem package: its name, and the roles of the table's columns, under the names they have there.

    `task` None is found from the target; `positive` is the class that a score is the probability of; `drop` are columns
    that a client does not know at the moment of prediction.
    """

    name: str
    target: str
    task: Task | None = None
    positive: str | None = None
    group: str | None = None
    time: str | None = None
    key: str | None = None
    drop: tuple[str, ...] = ()


def verify_package_name(name: str) -> None:
    """Raise `SettingsError` for a name that no package of a problem can have."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", name) or keyword.iskeyword(name) or name == "slipway":
        raise SettingsError(
            f"The name {name!r}: expected a Python package of 2 to 40 lower-case letters, digits and underscores that "
            "begins with a letter, such as churn."
        )


def verify_columns(request: NewProblem, columns: Iterable[str]) -> None:
    """Raise `SettingsError` for a column that the table does not have, or that has two roles."""
    given = {"--target": request.target, "--group": request.group, "--time": request.time, "--key": request.key}
    named = [(option, column) for option, column in given.items() if column is not None]
    named += [("--drop", column) for column in request.drop]
    known = tuple(columns)
    for option, column in named:
        if column not in known:
            raise SettingsError(f"{option} {column}: the table has no such column. It has: {', '.join(known)}.")
    if request.target in [column for option, column in named if option != "--target"]:
        raise SettingsError(f"The column {request.target} is the target, and can have no other role.")


def name_fields(columns: Iterable[str]) -> dict[str, str]:
    """Return a field's name for each column: lower case, letters, digits and underscores, none twice."""
    names: dict[str, str] = {}
    for column in columns:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)
        name = re.sub(r"\W+|_+", "_", words, flags=re.ASCII).strip("_").lower() or "column"
        if name[0].isdigit():
            name = f"column_{name}"
        if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in RESERVED:
            name = f"{name}_value"
        number, unique = 2, name
        while unique in names.values():
            unique, number = f"{name}_{number}", number + 1
        names[column] = unique
    return names
