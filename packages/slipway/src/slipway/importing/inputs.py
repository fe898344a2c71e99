"""Find the columns that an estimator was fitted on, and compare them with what the problem gives to its model."""

import difflib
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from slipway.columns import Columns, values_to_columns
from slipway.contract import Kind, read_contract
from slipway.errors import ProblemError
from slipway.importing.arrays import decode_value
from slipway.importing.nodes import show_name
from slipway.importing.parts import Part, iterate_parts
from slipway.problem import Problem

# Where libraries keep the names of the columns that they were fitted on.
_NAMES = ("feature_names_in_", "_feature_name")
# How alike two names are that differ by a few letters.
_ALIKE = 0.8


class InputComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a model file beside those of the problem.

    `found` are the file's names that the problem's features have, `missing` those that they do not, `dummies` those of
    the missing that pandas.get_dummies seems to have made of a text column, `renamed` those that have nearly the name
    of a feature; `extra` are the features that the file does not use. `unnamed` is the number of columns where the
    file has no names, and `derived` False where features.py could not be asked.
    """

    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    renamed: dict[str, str] = {}
    dummies: dict[str, str] = {}
    extra: tuple[str, ...] = ()
    unnamed: int | None = None
    derived: bool = True


def compare_inputs(part: Part, problem: Problem) -> InputComparison:
    """Compare the columns of an estimator with the problem's features."""
    features, texts, derived = _list_features(problem)
    names = find_input_names(part)
    if not names:
        return InputComparison(unnamed=find_input_count(part), extra=features, derived=derived)
    found = [name for name in names if name in features]
    missing = [name for name in names if name not in features]
    dummies = {name: text for name in missing for text in texts if name.startswith(f"{text}_")}
    extra = [name for name in features if name not in names and name not in dummies.values()]
    renamed: dict[str, str] = {}
    for name in missing:
        alike = None if name in dummies else _find_alike(name, [each for each in extra if each not in renamed.values()])
        if alike:
            renamed[name] = alike
    return InputComparison(
        found=tuple(found),
        missing=tuple(missing),
        renamed=renamed,
        dummies=dummies,
        extra=tuple(name for name in extra if name not in renamed.values()),
        derived=derived,
    )


def find_input_names(part: Part) -> list[str]:
    """Return the names of the columns that the estimator was fitted on, [] where it does not know them.

    They are those of the first part that has any; a table's transformers name some of them in any case.
    """
    for each in iterate_parts(part):
        for attribute in _NAMES:
            names = decode_value(each.fitted.get(attribute))
            if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
                return [show_name(name) for name in names]
    chosen = [name for each in iterate_parts(part) for name in list_chosen_columns(each)]
    return list(dict.fromkeys(chosen))


def find_input_count(part: Part) -> int | None:
    """Return the number of columns that the estimator was fitted on, None where it does not say."""
    counts = [each.fitted.get(name) for each in iterate_parts(part) for name in ("n_features_in_", "_n_features")]
    return next((count for count in counts if isinstance(count, int)), None)


def list_chosen_columns(part: Part) -> list[str]:
    """Return the columns that a ColumnTransformer names."""
    transformers = part.parameters.get("transformers") if part.name == "ColumnTransformer" else None
    chosen: list[str] = []
    for each in transformers if isinstance(transformers, list) else ():
        columns = each[-1] if isinstance(each, tuple) else None
        listed = [columns] if isinstance(columns, str) else columns
        chosen += [show_name(name) for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return chosen


def _list_features(problem: Problem) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Return the names of all features, those of text, and whether features.py told them.

    It is asked about one row in which everything is missing; where it refuses that, the contract's fields are returned.
    """
    fields = read_contract(problem.contract)
    texts = tuple(field.name for field in fields if field.kind is Kind.CATEGORY)
    names = tuple(field.name for field in fields)
    if problem.features is None:
        return names, texts, True
    row: dict[str, tuple[Any, ...]] = {field.name: (None,) for field in fields}
    try:
        columns: Columns = problem.features(values_to_columns(fields, row))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, ProblemError):
        return names, texts, False
    return tuple(columns), texts, True


def _find_alike(name: str, features: Sequence[str]) -> str | None:
    """Return the feature of nearly the same name: other case and signs, a prefix, a letter or two."""
    plain = {_plain(each): each for each in features}
    close = difflib.get_close_matches(_plain(name), plain, 1, _ALIKE)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def resolve_columns(part: Part, position: int) -> Any:
    """Return the columns of one transformer of a ColumnTransformer by name, however they were chosen.

    A selector, positions, a mask or a pandas index are looked up in what was fitted; unfitted they stay as they are.
    """
    name, given = part.parameters["transformers"][position][0::2]
    if isinstance(given, str) or (isinstance(given, list) and all(isinstance(each, str) for each in given)):
        return given
    names = decode_value(part.fitted.get("feature_names_in_"))
    places = part.fitted.get("_transformer_to_input_indices")
    places = decode_value(places.get(name)) if isinstance(places, dict) else None
    if not isinstance(names, list) or not isinstance(places, list):
        return given
    found = [decode_value(place) for place in places]
    return [names[place] for place in found] if {*found} <= {*range(len(names))} else given
