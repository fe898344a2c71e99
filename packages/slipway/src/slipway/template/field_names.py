"""Name the fields of a contract after the columns of a table."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

from slipway.contract import RESERVED

# Names that contract.py uses itself.
_USED = frozenset({"bool", "datetime", "float", "int", "msgspec", "str"})
# Kinds of times, and what features.py can derive from one.
TIMES = ("timestamp", "instant")
CLOCKS = ("minute", "weekday")


def name_fields(columns: Iterable[str], times: Iterable[str] = ()) -> dict[str, str]:
    """Return a field's name for each column: lower case, letters, digits and underscores, none twice.

    The names of what is derived from a column of `times` are not given to another one.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = _name_field(column)
        number, unique = 2, name
        while taken & (own := _occupy(unique, column in times)):
            unique, number = f"{name}_{number}", number + 1
        taken |= own
        names[column] = unique
    return names


def _name_field(column: str) -> str:
    """Return the column's name as a name of Python, as close as it can be; `é` is written as `e`."""
    plain = unicodedata.normalize("NFKD", column.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    name = re.sub(r"\W+|_+", "_", words, flags=re.ASCII).strip("_").lower() or "column"
    if name[0].isdigit():
        name = f"column_{name}"
    reserved = keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in RESERVED | _USED
    return f"{name}_value" if reserved else name


def _occupy(name: str, is_time: bool) -> set[str]:
    return {name, *(f"{name}_{clock}" for clock in CLOCKS)} if is_time else {name}
