"""Pages of settings and of files that a person edits: a table of the keys of each struct, with its docstring."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from inspect import cleandoc, getdoc, getmembers, isfunction
from typing import Any

import msgspec
from msgspec import inspect

from slipway import settings
from slipway.docs.pages import escape_angles
from slipway.markdown import markdown_table
from slipway.serving.settings import describe_variables

_VARIABLES = """\
## Variables of the service

What `slipway serve` reads; `docs/service.md` explains them. The table of an environment has them in
`variables`.
"""
_TABLES = """\
# Settings

## pyproject.toml

The table `[tool.slipway]`. `[tool.slipway.environments.NAME]` has the name of the `target` and its options, below.
"""


def render_file(name: str, struct: type[msgspec.Struct], about: str) -> str:
    """Return the page of a file that is read into `struct`."""
    return "\n".join([f"# {name}\n", f"{about}\n", *_list_tables(struct)])


def render_settings() -> str:
    """Return the page of `[tool.slipway]`, of targets and of environment variables."""
    targets = sorted(entry_points(group="slipway.targets"), key=lambda point: point.name)
    parts = [_TABLES, *_list_tables(settings.ProjectSettings)]
    for point in targets:
        parts += [f"## The target {point.name}\n", *_list_tables(point.load().settings_type)]
    parts += [
        _VARIABLES,
        markdown_table(["variable", ""], [(f"`{name}`", text) for name, text in describe_variables()]),
    ]
    return "\n".join(
        [*parts, "\n## Variables of commands and jobs\n", markdown_table(["variable", ""], _list_readers())]
    )


def _list_readers() -> Iterator[tuple[str, str]]:
    """Yield the variables that functions of `settings.py` read, by the docstrings that name them."""
    for _, function in getmembers(settings, isfunction):
        text = (getdoc(function) or "").partition("\n")[0].removeprefix("Return ")
        for variable in dict.fromkeys(word.strip(":,;.") for word in text.split() if word.startswith("SLIPWAY_")):
            yield f"`{variable}`", text


def _list_tables(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Yield the table of a struct, and of each struct that it holds, once."""
    waiting, seen = [struct], set[type]()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        if current is not struct:
            yield f"## {current.__name__}\n"
        yield from (f"{text}\n" for text in _list_docstrings(current))
        inner: list[type[msgspec.Struct]] = []
        info = inspect.type_info(current)
        assert isinstance(info, inspect.StructType)
        lines = [(f"`{field.encode_name}`", _describe(field.type, inner), _default(field)) for field in info.fields]
        yield markdown_table(["key", "value", "default"], lines) + "\n" if lines else "No options.\n"
        waiting += inner


def _list_docstrings(struct: type) -> Iterator[str]:
    for each in struct.__mro__:
        own = each.__dict__.get("__doc__")
        if own and each.__module__.startswith("slipway.") and "__annotations__" in each.__dict__:
            yield escape_angles(cleandoc(own))


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if callable(field.default_factory) else field.default
    if value is None or isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value, enc_hook=str).decode()}`"


def _describe(found: inspect.Type, inner: list[type[msgspec.Struct]]) -> str:
    """Return a type in words; structs that it holds are added to `inner`."""

    def describe(part: inspect.Type) -> str:
        return _describe(part, inner)

    match found:
        case inspect.Metadata():
            return describe(found.type)
        case inspect.StructType():
            inner.append(found.cls)
            return f"[{found.cls.__name__}](#{found.cls.__name__.lower()})"
        case inspect.UnionType():
            return " or ".join(describe(each) for each in found.types if not isinstance(each, inspect.NoneType))
        case inspect.VarTupleType() | inspect.ListType():
            return f"list of {describe(found.item_type)}"
        case inspect.TupleType():
            return f"[{', '.join(map(describe, found.item_types))}]"
        case inspect.DictType():
            return f"NAME: {describe(found.value_type)}"
    return _describe_value(found)


def _describe_value(found: inspect.Type) -> str:
    match found:
        case inspect.LiteralType():
            return " or ".join(f"`{value}`" for value in found.values)
        case inspect.EnumType():
            return " or ".join(f"`{each.value}`" for each in found.cls)
        case inspect.StrType():
            return "text" + (f" like `{found.pattern}`".replace("|", "\\|") if found.pattern else "")
        case inspect.IntType():
            return "integer" + _bounds(found)
        case inspect.FloatType():
            return "number" + _bounds(found)
        case inspect.BoolType():
            return "`true` or `false`"
    return "anything" if isinstance(found, inspect.AnyType) else type(found).__name__.removesuffix("Type").lower()


def _bounds(found: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [f"{sign} {getattr(found, name):g}" for name, sign in signs.items() if getattr(found, name) is not None]
    return f" {' and '.join(bounds)}" if bounds else ""
