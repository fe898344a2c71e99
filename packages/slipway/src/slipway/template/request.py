"""State what a person says about a new problem, and hold it against the table."""

import difflib
import keyword
import re
import sys
from collections.abc import Mapping
from importlib import metadata

import msgspec

from slipway.errors import SettingsError
from slipway.problem import Task
from slipway.tables import KINDS


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


def verify_free_name(name: str) -> None:
    """Raise `SettingsError` for the name of a module that is installed, which the package would hide."""
    if name in sys.stdlib_module_names or name in {*metadata.packages_distributions(), "pipeline", "tests"}:
        raise SettingsError(f"The name {name!r} belongs to a module that is installed. Choose another one.")


def verify_columns(request: NewProblem, kinds: Mapping[str, str]) -> None:
    """Raise `SettingsError` for a column that the table does not have, that cannot have its role, or has two roles."""
    given = {"--target": request.target, "--group": request.group, "--time": request.time, "--key": request.key}
    roles = {option: column for option, column in given.items() if column is not None}
    for option, column in [*roles.items(), *(("--drop", column) for column in request.drop)]:
        if column not in kinds:
            near = difflib.get_close_matches(column, kinds, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{option} {column}: the table has no such column.{hint} It has: {', '.join(kinds)}.")
    for option, column in roles.items():
        if kinds[column] not in KINDS:
            raise SettingsError(
                f"{option} {column}: expected numbers, text, truth values or times, found {kinds[column]}."
            )
        if column in request.drop:
            raise SettingsError(f"{option} and --drop name the same column, {column}. Leave out one of them.")
        if option != "--target" and column == request.target:
            raise SettingsError(f"{option} and --target name the same column, {column}. Leave out one of them.")
