"""The space of a search: which parameters of the model it changes, and between which values."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.errors import SettingsError
from slipway.files.documents import convert_document
from slipway.files.yaml_values import put_value
from slipway.params import Params, SearchParams, SearchValues
from slipway.problem import Problem

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Values = dict[str, Any]

_SECTION = "model"
# Digits of a float that is tried: params.yaml gets the very number that was scored.
_DIGITS = 4
_ADVICE = "Fix search.space in params.yaml."


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: its name, such as `model.kind`, its present value, and the values to try."""

    name: str
    present: Any
    values: SearchValues
    whole: bool


def read_space(problem: Problem, params: Params) -> tuple[Parameter, ...]:
    """Return the parameters to search; raises `SettingsError` for one that the model does not have or take."""
    present = dict(_leaves((_SECTION,), msgspec.to_builtins(params.model)))
    found = tuple(_parameter(name, values, present) for name, values in read_search(params).space.items())
    for parameter in found:
        for value in _ends(parameter):
            apply_values(problem, params, {parameter.name: value}, parameter.name)
    return found


def read_search(params: Params) -> SearchParams:
    """Return the section `search`; raises `SettingsError` where there is none."""
    if params.search is None:
        example = "model.learning_rate: {low: 0.01, high: 0.3, log: true}"
        raise SettingsError(
            "params.yaml has no section search. Write the values to try by parameter, such as\n"
            f"search:\n  space:\n    {example}\n(docs/search.md)"
        )
    return params.search


def apply_values(problem: Problem, params: Params, values: Mapping[str, Any], where: str = "") -> Params:
    """Return the parameters with `values` in the section `model`; raises `SettingsError` for one it does not take."""
    plain = {_SECTION: msgspec.to_builtins(params.model)}
    for name, value in values.items():
        put_value(plain, name, value)
    advice = f"It is what {where} in search.space asks for. {_ADVICE}" if where else _ADVICE
    typed = convert_document(plain[_SECTION], problem.params, "params.yaml", SettingsError, advice, section=_SECTION)
    return msgspec.structs.replace(params, model=typed)


def present_values(space: tuple[Parameter, ...]) -> Values:
    """Return the present value of each parameter."""
    return {parameter.name: parameter.present for parameter in space}


def is_inside(space: tuple[Parameter, ...], values: Mapping[str, Any]) -> bool:
    """Tell whether the space has a place for `values`."""
    return all(_contains(parameter, values[parameter.name]) for parameter in space)


def make_distributions(space: tuple[Parameter, ...]) -> "dict[str, BaseDistribution]":
    """Return the space in Optuna's terms."""
    return {parameter.name: _distribution(parameter) for parameter in space}


def round_values(space: tuple[Parameter, ...], sampled: Mapping[str, Any]) -> Values:
    """Round sampled floats to the digits that params.yaml gets, within the range."""
    return {parameter.name: _round(parameter, sampled[parameter.name]) for parameter in space}


def _parameter(name: str, values: SearchValues, present: Mapping[str, Any]) -> Parameter:
    if name not in present:
        near = difflib.get_close_matches(name, present, 1, 0)
        raise SettingsError(
            f"params.yaml: search.space: unknown parameter {name!r}, expected one of {', '.join(present)}"
            f"{f'; nearest: {near[0]}' if near else ''}. {_ADVICE}"
        )
    value = present[name]
    bounds = [bound for bound in (values.low, values.high, values.step) if bound is not None]
    # A float may stand as 1 in the file: its type decides, and the bounds only where there is none.
    whole = all(isinstance(bound, int) for bound in bounds) and not isinstance(value, float)
    if isinstance(value, int) and not isinstance(value, bool) and not whole:
        raise SettingsError(
            f"params.yaml: search.space.{name}: expected whole numbers, found {', '.join(map(str, bounds))}. {_ADVICE}"
        )
    return Parameter(name, value, values, whole)


def _leaves(path: tuple[str, ...], tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves((*path, str(key)), value)
    else:
        yield ".".join(path), tree


def _ends(parameter: Parameter) -> tuple[Any, ...]:
    values = parameter.values
    return values.choices if values.choices is not None else (values.low, values.high)


def _contains(parameter: Parameter, value: Any) -> bool:
    values = parameter.values
    if values.choices is not None:
        return any(value == each and type(value) is type(each) for each in values.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    assert values.low is not None and values.high is not None
    steps = (value - values.low) / values.step if values.step else 0.0
    return values.low <= value <= values.high and abs(steps - round(steps)) < 1e-9


def _distribution(parameter: Parameter) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values = parameter.values
    if values.choices is not None:
        return CategoricalDistribution(values.choices)
    if parameter.whole:
        return IntDistribution(values.low, values.high, log=values.log, step=values.step or 1)
    return FloatDistribution(values.low, values.high, log=values.log, step=values.step)


def _round(parameter: Parameter, value: Any) -> Any:
    values = parameter.values
    if values.choices is not None or parameter.whole:
        return value
    assert values.low is not None and values.high is not None
    rounded = float(f"{value:.{_DIGITS}g}")
    # Of a narrow range far from zero these digits would leave a few numbers only.
    near = abs(rounded - value) <= (values.high - values.low) / 1000
    return float(min(max(rounded if near else value, values.low), values.high))
