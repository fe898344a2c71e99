"""Write `model.py` from the parts of an estimator: code that trains it again."""

import keyword
import math
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from slipway.errors import ModelError
from slipway.importing.allowed_imports import is_kept_function
from slipway.importing.inputs import resolve_columns
from slipway.importing.nodes import Imported
from slipway.importing.parts import Part, Unreadable

# What the seed of params.yaml decides, and what says how to run and not what to fit.
_SEED = "random_state"
_HOW = ("copy", "memory", "n_jobs", "verbose", "verbosity")
# First parameters, whose name people leave out.
_STEPS = ("estimators", "steps", "transformer_list", "transformers")
# Types of numpy that a parameter may name.
_NUMPY_TYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool_", "mean", "memmap")

_TEMPLATE = '''"""Which estimator answers: the one that {source} held."""

from typing import {typing}

import msgspec


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section `model` of params.yaml{where}."""
{fields}

def build(params: Params, seed: int) -> Any:{unused}
    """Return an unfitted estimator for float32 columns: text as codes (-1: missing), missing numbers as NaN."""
{imports}

    return {expression}
'''


class ModelSource(msgspec.Struct, frozen=True):
    """The text of `model.py`, the values of its `Params` for params.yaml, and notes on what the code changes."""

    text: str
    params: dict[str, bool | int | float | str]
    notes: tuple[str, ...]


def write_source(part: Part, source: str) -> ModelSource:
    """Write the code of an estimator that the file `source` held.

    Parameters that differ from the defaults of the installed version are written; plain ones of the estimator that
    predicts are fields of `Params`, and every `random_state` is the seed of params.yaml. Raises `ModelError` where a
    parameter cannot be written as code, with each of them.
    """
    predictor = _find_predictor(part)
    params = _choose_params(predictor)
    writer = _Writer(predictor, params)
    expression = writer.write_part(part, part.name)
    if writer.unreadable:
        raise ModelError(
            f"The estimator of {source} cannot be written as code: {'; '.join(writer.unreadable)}. What a function of "
            "your own computes belongs into features.py; save the estimator without it and import that."
        )
    fields = "".join(f"\n    {name}: {_annotate(value, predictor.defaults[name])}" for name, value in params.items())
    text = _TEMPLATE.format(
        source=source.replace("\\", "/").replace('"', "'"),
        typing="Any",
        where=f", under the names of {predictor.name}" if params else ": none, every parameter stands in `build`",
        fields=f"{fields}\n" if fields else "",
        unused="" if params else "  # noqa: ARG001 - the signature of every problem",
        imports=writer.write_imports(),
        expression=expression,
    )
    return ModelSource(text, params, tuple(dict.fromkeys(writer.notes)))


def _find_predictor(part: Part) -> Part:
    """Return the estimator that predicts: the last step of a pipeline."""
    steps = part.parameters.get("steps") if part.name == "Pipeline" else None
    last = steps[-1][-1] if isinstance(steps, list) and steps and isinstance(steps[-1], tuple) else None
    return _find_predictor(last) if isinstance(last, Part) else part


def _choose_params(part: Part) -> dict[str, Any]:
    """Return the plain parameters of an estimator that differ from its defaults: what one tries other values of."""
    return {
        name: value
        for name, value in part.parameters.items()
        if isinstance(value, bool | int | float | str)
        and name in part.defaults
        and name not in (_SEED, *_HOW)
        and not (isinstance(value, float) and not math.isfinite(value))
        and not _is_same(value, part.defaults[name])
    }


def _annotate(value: bool | int | float | str, default: Any) -> str:
    """Return the type of a parameter; a whole number may become a fraction unless it is one by default too."""
    if isinstance(value, int) and not isinstance(value, bool) and not isinstance(default, int):
        return "int | float"
    return type(value).__name__


def _is_same(value: Any, default: Any) -> bool:
    if isinstance(value, float) and isinstance(default, float) and math.isnan(value) and math.isnan(default):
        return True
    if isinstance(value, Imported):
        return str(value) == f"numpy.{getattr(default, '__name__', '')}"
    return isinstance(value, bool) == isinstance(default, bool) and bool(value == default)


class _Writer:
    """Expressions, and the imports that they need; what cannot be written is collected."""

    def __init__(self, predictor: Part, params: Iterable[str]) -> None:
        self._predictor, self._params = predictor, frozenset(params)
        self._modules: dict[str, set[str]] = defaultdict(set)
        self._is_numpy = False
        self.unreadable: list[str] = []
        self.notes: list[str] = []

    def write_part(self, part: Part, place: str) -> str:
        """Write the call that makes a part."""
        self._import(part.module, part.name, place)
        self._note(part, place)
        written = []
        for name, value in part.parameters.items():
            if name == _SEED or (name in part.defaults and _is_same(value, part.defaults[name])):
                continue
            given = self._write_parameter(part, name, value, f"{place}.{name}")
            if not _is_name(name):
                self.unreadable.append(f"{place} has a parameter with the name {name!r}")
            written.append(given if name in _STEPS else f"{name}={given}")
        if _takes_seed(part):
            written.append(f"{_SEED}=seed")
        return f"{part.name}({', '.join(written)})"

    def write_imports(self) -> str:
        """Write the imports, sorted as the linter does."""
        lines = ["import numpy as np"] if self._is_numpy else []
        for module, names in sorted(self._modules.items()):
            lines.append(f"from {module} import {', '.join(sorted(names, key=_import_order))}")
        return "\n".join(f"    {line}" for line in lines)

    def _import(self, module: str, name: str, place: str) -> None:
        """Note an import; what the file wrote becomes code only where it is a name."""
        if module in ("__main__", "__mp_main__"):
            self.unreadable.append(f"{place} is of a class that was defined in a notebook or script: {name}")
        elif all(_is_name(word) for word in (*module.split("."), name)):
            self._modules[module].add(name)
        else:
            self.unreadable.append(f"{place} has the class {module!r}.{name!r}, which is no name")

    def _write_parameter(self, part: Part, name: str, value: Any, place: str) -> str:
        if part is self._predictor and name in self._params:
            return f"params.{name}"
        if part.name == "ColumnTransformer" and name == "transformers" and _is_triples(value):
            value = [(*each[:2], resolve_columns(part, number)) for number, each in enumerate(value)]
        return self._write_value(value, place)

    def _write_value(self, value: Any, place: str) -> str:
        match value:
            case Part():
                return self.write_part(value, place)
            case float() if not math.isfinite(value):
                return f'float("{value}")'
            case list() | tuple():
                return self._write_items(value, place)
            case dict():
                pairs = (f"{self._write_value(n, place)}: {self._write_value(v, place)}" for n, v in value.items())
                return f"{{{', '.join(pairs)}}}"
            case Imported(module="numpy", name=name) if name in _NUMPY_TYPES:
                self._is_numpy = True
                return f"np.{name}"
            case Imported(module=module, name=name) if is_kept_function(value) and module.startswith("sklearn."):
                self._import(module.partition("._")[0], name, place)
                return name
            case Imported() | Unreadable():
                self.unreadable.append(f"{place} is {value.what if isinstance(value, Unreadable) else value}")
                return "..."
        return repr(value)

    def _write_items(self, value: list[Any] | tuple[Any, ...], place: str) -> str:
        # (name, part) and (name, part, columns): errors name the step as people do.
        named = bool(value) and isinstance(value[0], str) and isinstance(value, tuple)
        inner = place.rpartition(".")[0] + f"[{value[0]!r}]" if named else place
        items = ", ".join(self._write_value(each, inner) for each in value)
        if isinstance(value, list):
            return f"[{items}]"
        return f"({items},)" if len(value) == 1 else f"({items})"

    def _note(self, part: Part, place: str) -> None:
        """Note what the code does otherwise than the file did."""
        seed = part.parameters.get(_SEED)
        if isinstance(seed, int):
            self.notes.append(f"random_state was {seed} and is now `train.seed` of params.yaml.")
        fill = part.parameters.get("fill_value")
        if "Imputer" in part.name and (isinstance(fill, str) or part.parameters.get("strategy") == "most_frequent"):
            self.notes.append(f"{place}: missing text arrives as the code -1, which an imputer of NaN does not see.")
        categories = part.parameters.get("categories")
        if isinstance(categories, list) and any(isinstance(each, list) and _has_text(each) for each in categories):
            self.notes.append(f"{place}: categories are text, but text arrives as codes. Delete `categories`.")
        old = sorted(name for name, value in part.fitted.items() if _is_dropped(name, value))
        if old and part.version not in ("", version("scikit-learn")):
            self.notes.append(
                f"{place}: left out, because the installed version has no such parameters: {', '.join(old)}."
            )


def _import_order(name: str) -> tuple[int, str]:
    """Return where the linter puts a name: constants, among which it counts RBF and SVC, classes, functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


def _is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def _takes_seed(part: Part) -> bool:
    """Return whether a part is random; a splitter that does not shuffle refuses a seed."""
    if part.module == "sklearn.model_selection" and part.parameters.get(_SEED) is None:
        return bool(part.parameters.get("shuffle", part.name.startswith(("Repeated", "Shuffle")))) and (
            _SEED in part.defaults
        )
    return _SEED in part.defaults


def _is_triples(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, tuple) and len(each) == 3 for each in value)


def _has_text(values: list[Any]) -> bool:
    return any(isinstance(each, str) for each in values)


def _is_dropped(name: str, value: Any) -> bool:
    """Return whether an attribute looks like a parameter that the installed class has no more."""
    return not name.startswith("_") and not name.endswith("_") and isinstance(value, bool | int | float | str)
