"""Read the estimator of a model file as parts: a class, its parameters as they were given, and what was fitted."""

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec

from slipway.errors import ModelError
from slipway.importing.allowed_imports import has_known_defaults, is_estimator
from slipway.importing.arrays import decode_value
from slipway.importing.model_file import ModelFile
from slipway.importing.nodes import Imported, Made, show_name

# Values within values, and values in all; a file that has more goes in a circle.
_DEEPEST, _MOST = 40, 100_000
# The attribute in which a class keeps parameters that its signature does not name.
_FURTHER = ("kwargs", "_other_params")
_VERSION = "_sklearn_version"


class Part(msgspec.Struct, frozen=True):
    """One estimator, transformer, splitter or kernel: `module` and `name` to import it by, and its parameters.

    `parameters` has all that it was given, `defaults` those of the installed class; `fitted` is its whole state, and
    `version` that of the scikit-learn that wrote it.
    """

    module: str
    name: str
    parameters: dict[str, Any]
    defaults: dict[str, Any]
    fitted: dict[str, Any]
    version: str = ""


class Unreadable(msgspec.Struct, frozen=True):
    """A value of which no code can be written, and what it is."""

    what: str


class Model(msgspec.Struct, frozen=True):
    """The estimator of a model file, and notes on how it was found there."""

    part: Part
    notes: tuple[str, ...] = ()


def read_model(file: ModelFile) -> Model:
    """Find the one estimator of a file, of a search the best one; raises `ModelError` where there is none."""
    node, notes = file.root, []
    if isinstance(node, dict | list | tuple):
        node, place = _find_in_container(file, node)
        notes.append(f"The file holds a {type(file.root).__name__}; the estimator is its item {place!r}.")
    if not isinstance(node, Made) or not _is_fitted_class(node):
        found = node.kind if isinstance(node, Made) else type(node).__name__
        raise ModelError(
            f"{file.path} holds no estimator that can be read off: expected an estimator or pipeline of scikit-learn, "
            f"XGBoost or LightGBM, found {found}. Nothing of it was run."
        )
    best = node.attributes.get("best_estimator_")
    if isinstance(best, Made):
        notes.append(f"The file holds a {node.kind.name}; read off is its best estimator. `cv` and the space are lost.")
        node = best
    return Model(_PartReader(file).read_part(node, 0), tuple(notes))


def iterate_parts(value: Any) -> Iterator[Part]:
    """Yield each part in a part, or in a value of one, from the outside in."""
    if isinstance(value, Part):
        yield value
        value = list(value.parameters.values())
    elif isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from iterate_parts(each)


def find_versions(part: Part) -> set[str]:
    """Return the versions of scikit-learn that wrote the parts."""
    return {each.version for each in iterate_parts(part) if each.version}


def _find_in_container(file: ModelFile, node: Any) -> tuple[Made, Any]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    found = [(each, key) for key, each in pairs if isinstance(each, Made) and is_estimator(each.kind)]
    if len(found) != 1:
        names = ", ".join(f"{key!r}: {each.kind.name}" for each, key in found) or "none"
        raise ModelError(
            f"{file.path} holds a {type(node).__name__} with {len(found)} estimators ({names}), expected one. Save the "
            "estimator alone: joblib.dump(pipeline, FILE)."
        )
    return found[0]


def _is_fitted_class(node: Made) -> bool:
    return bool(node.kind.module) and bool(node.attributes)


class _PartReader:
    """Reads parts and their values, and counts them: a small file may contain itself many times over."""

    def __init__(self, file: ModelFile) -> None:
        self._file, self._count = file, 0

    def read_part(self, node: Made, depth: int) -> Part:
        """Read one part with the parts in it."""
        kind, state = node.kind, node.attributes
        defaults = _read_defaults(kind)
        further = {name: value for each in _FURTHER for name, value in _as_dict(state.get(each)).items()}
        if defaults is None:
            defaults, given = {}, {name: value for name, value in state.items() if _is_parameter(name)}
        else:
            given = {name: state[name] for name in defaults if name in state} | further
        return Part(
            module=_public_module(kind),
            name=kind.name,
            parameters={str(name): self._read_value(value, depth + 1) for name, value in given.items()},
            defaults=defaults,
            fitted={str(name): value for name, value in state.items() if name not in given},
            version=show_name(written) if isinstance(written := state.get(_VERSION), str) else "",
        )

    def _read_value(self, value: Any, depth: int) -> Any:
        """Return a parameter as Python has it: plain values, containers, parts, names; else `Unreadable`."""
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST:
            raise ModelError(
                f"{self._file.path}: the estimator has more than {_DEEPEST} levels or {_MOST:,} parameters, or "
                "contains itself. Nothing of it was run."
            )
        value = decode_value(value)
        if isinstance(value, str) and not _is_unicode(value):
            return Unreadable("text that is not Unicode")
        if value is None or isinstance(value, bool | int | float | str | Imported):
            return value
        if isinstance(value, list | tuple):
            return type(value)(self._read_value(each, depth + 1) for each in value)
        if isinstance(value, dict) and all(isinstance(name, bool | int | float | str | None) for name in value):
            return {name: self._read_value(each, depth + 1) for name, each in value.items()}
        return self._read_made(value, depth) if isinstance(value, Made) else Unreadable(f"a {type(value).__name__}")

    def _read_made(self, made: Made, depth: int) -> Any:
        if made.kind == Imported("builtins", "slice") and _is_range(made.arguments):
            return slice(*made.arguments)
        return self.read_part(made, depth) if _is_fitted_class(made) else Unreadable(f"a {made.kind}")


def _public_module(kind: Imported) -> str:
    """Return the module by which people import a class: `sklearn.linear_model` for `sklearn.linear_model._logistic`."""
    if kind.module in ("lightgbm.sklearn", "xgboost.sklearn"):
        return kind.module.partition(".")[0]
    words = kind.module.split(".")
    private = next((place for place, word in enumerate(words) if word.startswith("_")), len(words))
    return ".".join(words[:private]) if words[0] == "sklearn" else kind.module


def _read_defaults(kind: Imported) -> dict[str, Any] | None:
    """Return the parameters of the installed class with their defaults, None for a class that is not a library's."""
    if not has_known_defaults(kind):
        return None
    try:
        found = getattr(import_module(kind.module), kind.name)
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The file needs {error.name}, which is not installed. In pyproject.toml replace "
            '"slipway[pipeline]" by "slipway[boost]" in the group pipeline, then run `uv lock` and `uv sync`.'
        ) from error
    signature = inspect.signature(found.__init__).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in signature):
        return dict(found().get_params(deep=False))
    return {each.name: each.default for each in signature if each.name != "self"}


def _is_range(arguments: tuple[Any, ...]) -> bool:
    return 1 <= len(arguments) <= 3 and all(each is None or isinstance(each, int | str) for each in arguments)


def _is_unicode(text: str) -> bool:
    """Return whether a text can be written to a file; a pickle may have half of a pair of surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_parameter(name: str) -> bool:
    return not name.startswith("_") and not name.endswith("_")


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
