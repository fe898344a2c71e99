"""The names that `contract.py` and `features.py` may use: what a row's features need, and nothing that leaves the row.

Found by reading the source, without running it. This catches what people write by accident: a clock, a file, the
network, randomness, a statistic over the rows of a batch. Code that hides on purpose is kept harmless by `isolation`.

A name is allowed if it is defined in the file itself, or listed here. Reductions (`sum`, `max`, ...) are allowed with
`axis=`, which says over what: without it they mix the rows of a batch.
"""

import ast
import builtins
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from slipway.bundle.hidden_inputs import CONTEXTS, find_hidden_inputs
from slipway.errors import ProblemError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES = _words(
    """
    __future__ abc bisect collections collections.abc dataclasses datetime decimal enum fractions functools
    itertools math msgspec msgspec.structs numpy numpy.typing operator re string types typing unicodedata
    """
)
BUILTINS = _words(
    """
    abs all any ArithmeticError AttributeError bool bytes callable chr classmethod complex dict divmod enumerate
    Exception filter float format frozenset IndexError int isinstance issubclass iter KeyError len list LookupError
    map max min next NotImplemented NotImplementedError object ord OverflowError pow property range repr reversed
    round set slice sorted staticmethod str sum super tuple type TypeError ValueError ZeroDivisionError zip
    """
)
# Of numpy: constants, types, constructors, and what works on each row by itself.
NUMPY = _words(
    """
    abs absolute add angle arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh array asarray atleast_1d
    atleast_2d atleast_3d bitwise_and bitwise_count bitwise_not bitwise_or bitwise_xor bool bool_ broadcast_to
    busday_count busday_offset busdaycalendar cbrt ceil char clip column_stack concatenate copy copysign cos cosh
    datetime64 datetime_as_string deg2rad degrees digitize divide divmod double dtype e empty empty_like equal
    errstate euler_gamma exp exp2 expand_dims expm1 fabs finfo fix float16 float32 float64 float_power floor
    floor_divide fmax fmin fmod frexp fromiter full full_like gcd generic greater greater_equal heaviside hstack
    hypot iinfo in1d inf int16 int32 int64 int8 int_ integer interp intp invert is_busday isclose isfinite isin
    isinf isnan isnat isneginf isposinf lcm ldexp left_shift less less_equal linspace log log10 log1p log2 logaddexp
    logical_and logical_not logical_or logical_xor maximum minimum mod modf moveaxis multiply nan nan_to_num ndarray
    negative newaxis nextafter nonzero not_equal number object_ ones ones_like pi piecewise polyval positive power
    rad2deg radians ravel reciprocal remainder repeat reshape right_shift rint round searchsorted select shape sign
    signbit sin sinc single sinh size spacing sqrt square stack str_ strings subtract swapaxes take take_along_axis
    tan tanh tile timedelta64 true_divide trunc uint uint16 uint32 uint64 uint8 vectorize vstack where zeros
    zeros_like
    """
)
REDUCTIONS = _words(
    """
    all any argmax argmin max mean median min nanmax nanmean nanmedian nanmin nanstd nansum nanvar prod ptp std sum
    var
    """
)
# Attributes of arrays, texts, times, mappings, sequences, structs and functions.
ATTRIBUTES = _words(
    """
    __doc__ __init__ __name__ __post_init__ __struct_fields__ add append as_py astype cache capitalize casefold clip
    copy count date day days difference discard dtype encode endswith extend fill fillna find flat flatten fromkeys
    fullmatch get group groups hour imag index intersection isalnum isalpha isdecimal isdigit islower isocalendar
    isoformat isoweekday issubset issuperset isupper items join keys ldexp lower lru_cache lstrip match microsecond
    microseconds minute month nbytes ndim partial partition pop ravel real removeprefix removesuffix repeat replace
    reshape rfind round rpartition rsplit rstrip search second seconds setdefault shape size split squeeze
    startswith strftime strip sub swapcase T take title tolist total_seconds translate transpose tzinfo union update
    upper utcoffset values view weekday year zfill
    """
)
# Of `datetime`: the types and constants, and no clock.
DATETIME = _words(
    """
    date datetime fromisoformat max MAXYEAR min MINYEAR time timedelta timezone tzinfo UTC utc
    """
)
# Functions of `operator` that take the name of an attribute as text.
_BY_TEXT = frozenset({"attrgetter", "methodcaller"})
# Names that an error repeats.
_NAMED = 3


def require_allowed(path: Path) -> None:
    """Raise `ProblemError` if the source file uses a name that is not allowed: the gate would refuse its bundle."""
    found = find_forbidden(path.name, path.read_bytes())
    if found:
        more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        modules = ", ".join(sorted(module for module in MODULES if "." not in module and module[0] != "_"))
        raise ProblemError(
            f"Not allowed in a file that travels with the model: {', '.join(found[:_NAMED])}{more}. Allowed are the "
            f"names that {path.name} defines, and those for one row of {modules} (docs/gate.md has the list). "
            "Move other code to dataset.py or model.py."
        )


def find_forbidden(name: str, source: bytes) -> tuple[str, ...]:
    """List what `source`, the content of the file `name`, uses beyond the lists above, each with its line.

    Code that cannot be parsed is one entry.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return (f"{name}: {error}",)
    found = dict.fromkeys(f"{what} ({name}, line {line})" for line, what in sorted(_Reader(tree).forbidden()))
    return tuple(found)


class _Reader:
    """One parsed file, with the names that it defines and the modules that it imports."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._defined, self._members = {*_definitions(tree)}, {*_members(tree)}
        self._modules = {
            alias.asname or alias.name.partition(".")[0]: alias.name if alias.asname else alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        self._imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def forbidden(self) -> Iterator[tuple[int, str]]:
        """Yield line and description of each use that is not allowed."""
        called = {id(node.func): node for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        for node in ast.walk(self._tree):
            match node:
                case ast.Import(names=names):
                    wrong = [f"import {each.name}" for each in names if each.name not in MODULES]
                case ast.ImportFrom(module=module, names=names, level=level):
                    wrong = [
                        f"import {each.name} of {module}" for each in names if level or not _importable(module, each)
                    ]
                case ast.Global(names=globals_):
                    wrong = [f"global {each}" for each in globals_]
                case ast.Name(id=found, ctx=ast.Load()):
                    wrong = [found] if self._is_foreign(found) else []
                case ast.Attribute():
                    wrong = self._attribute(node, called.get(id(node)))
                case ast.Call(func=ast.Name(id=by) | ast.Attribute(attr=by), args=given) if by in _BY_TEXT:
                    wrong = [f"{by}({ast.unparse(each)})" for each in given[:1] if not self._is_member(each)]
                case _:
                    continue
            yield from ((node.lineno, what) for what in wrong)
        yield from find_hidden_inputs(self._tree, frozenset({*self._modules, *self._imported}))

    def _is_foreign(self, name: str) -> bool:
        if name in self._defined or name in self._modules:
            return False
        return name not in BUILTINS and (hasattr(builtins, name) or name.startswith("__"))

    def _attribute(self, node: ast.Attribute, call: ast.Call | None) -> list[str]:
        chain = _chain(node)
        module = self._modules.get(chain[0]) if chain else None
        text = ".".join(chain) if chain else f".{node.attr}"
        if call is not None and node.attr in REDUCTIONS and (module in (None, "numpy")):
            with_axis = any(keyword.arg == "axis" for keyword in call.keywords)
            return [] if with_axis else [f"{text} without axis="]
        if module == "numpy":
            if over := {"reduce", "accumulate", "reduceat"} & {*chain[2:]}:
                return [f"{text} ({', '.join(over)} mixes rows)"]
            return [] if chain[1] in NUMPY | REDUCTIONS | {"typing"} else [text]
        if module == "datetime":
            return [] if set(chain[1:]) <= DATETIME | ATTRIBUTES else [text]
        if module == "decimal" and node.attr in CONTEXTS:
            return [text]
        if module is not None:
            return [] if module in MODULES and _is_public(module, chain) else [text]
        return [] if node.attr in ATTRIBUTES | DATETIME | NUMPY | self._members else [text]

    def _is_member(self, name: ast.expr) -> bool:
        return isinstance(name, ast.Constant) and name.value in ATTRIBUTES | self._members


def _is_public(module: str, chain: list[str]) -> bool:
    """Return whether the names after the first are the module's own: not private, and not a module that it imports."""
    found: Any = importlib.import_module(module)
    for name in chain[1:]:
        if name.startswith("_") or not hasattr(found, name):
            return name in ATTRIBUTES
        found = getattr(found, name)
        if isinstance(found, ModuleType):
            return found.__name__ in MODULES or found.__name__.startswith(f"{module}.")
    return True


def _importable(module: str | None, alias: ast.alias) -> bool:
    if module == "numpy":
        return alias.name in NUMPY | REDUCTIONS | {"typing"}
    if module == "datetime":
        return alias.name in DATETIME
    if module == "decimal" and alias.name in CONTEXTS:
        return False
    return module in MODULES and alias.name != "*" and _is_public(str(module), ["", alias.name])


def _definitions(tree: ast.Module) -> Iterator[str]:
    """Yield every name that the file binds: by assignment, argument, import from a module, class or function."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.ExceptHandler(name=str(name)):
                yield name


def _members(tree: ast.Module) -> Iterator[str]:
    """Yield every name that the file gives an attribute: in the body of a class, or by assignment to the attribute.

    A variable or an argument that is called `now` says nothing about the attribute of that name.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.ClassDef(body=body):
                methods = [each for each in body if isinstance(each, ast.FunctionDef)]
                yield from (each.name for each in methods)
                yield from _definitions(ast.Module([each for each in body if each not in methods], []))


def _chain(node: ast.expr) -> list[str]:
    """Return the names of `a.b.c`, empty where it begins with something else than a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := _chain(node.value)):
        return [*before, node.attr]
    return []
