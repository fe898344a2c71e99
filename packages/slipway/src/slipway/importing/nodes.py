"""Nodes of a model file that was read without running it: names to import, and objects to make."""

from collections.abc import Iterable
from typing import Any

import msgspec


def show_name(name: str) -> str:
    """Return a name of the file for a person: control characters, which could hide it on a terminal, as escapes."""
    return name if name.isprintable() else ascii(name)


class Imported(msgspec.Struct, frozen=True):
    """A name that the file would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return show_name(f"{self.module}.{self.name}")


class Made:
    """An object that the file would make: the function or class, its arguments, and the state given to it later."""

    def __init__(self, function: Any, arguments: Iterable[Any], state: Any = None) -> None:
        self.function, self.arguments, self.state = function, tuple(arguments), state
        self.items: list[Any] = []
        self.pairs: dict[Any, Any] = {}

    @property
    def kind(self) -> Imported:
        """Return the class of the object, or the function that makes it."""
        made = self.function
        if made in (Imported("copyreg", "_reconstructor"), Imported("copyreg", "__newobj__")) and self.arguments:
            made = self.arguments[0]
        return made if isinstance(made, Imported) else Imported("", "an object that is made by another one")

    @property
    def attributes(self) -> dict[str, Any]:
        """Return what the object's state sets, {} where it is no plain set of attributes."""
        state = self.state
        return state if isinstance(state, dict) and all(isinstance(name, str) for name in state) else {}

    def append(self, item: Any) -> None:
        """Keep one item, as a list or a subclass would."""
        self.items.append(item)

    def extend(self, items: Iterable[Any]) -> None:
        """Keep items."""
        self.items.extend(items)

    add = append
    update = extend

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs[key] = value
