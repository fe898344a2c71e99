"""The rules that Great Expectations lacks: values of a column are of the kind that the contract declares, or of one.

Its own type rules check the storage type: they would accept 3.5 as an integer that may be missing (stored as float64),
and infinity as a number. Importing this module imports Great Expectations and registers the rules.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, render_suite_parameter_string
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from slipway.columns import to_integer
from slipway.contract import Kind

if TYPE_CHECKING:
    import pandas as pd

_MEANING = {
    Kind.NUMBER: "finite numbers",
    Kind.INTEGER: "whole numbers",
    Kind.BOOLEAN: "true or false",
    Kind.CATEGORY: "text",
    Kind.TIMESTAMP: "timestamps",
}


def conforms_to_kind(column: "pd.Series", kind: Kind, zoned: bool | None = None) -> "pd.Series":
    """Tell for each value of `column`, none of which is missing, whether it is of `kind`.

    Timestamps must have a time zone if `zoned` is true, must have none if it is false; None accepts both.
    """
    import pandas as pd
    from pandas.api import types

    if column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(object).map(lambda value: _is(value, kind, zoned)).astype(bool)
    if kind in (Kind.NUMBER, Kind.INTEGER) and types.is_numeric_dtype(column.dtype):
        values = column.to_numpy("float64")
        fits = np.isfinite(values) & ((values == np.floor(values)) | (kind is Kind.NUMBER))
        return pd.Series(fits & (not types.is_bool_dtype(column.dtype)), index=column.index)
    # All values of such a column are of one kind.
    return pd.Series(len(column) > 0 and _is(column.iloc[0], kind, zoned), index=column.index, dtype=bool)


def conforms_to_one_kind(column: "pd.Series", kinds: Sequence[Kind]) -> "pd.Series":
    """Tell for each value of `column`, none of which is missing, whether it has the kind of `kinds` that most have.

    Timestamps with a time zone are of another kind than those without.
    """
    import pandas as pd

    best = pd.Series(False, index=column.index)
    for kind in kinds:
        for zoned in (True, False) if kind is Kind.TIMESTAMP else (None,):
            found = conforms_to_kind(column, kind, zoned)
            best = found if found.sum() > best.sum() else best
    return best


def _is(value: Any, kind: Kind, zoned: bool | None) -> bool:
    truth = isinstance(value, bool | np.bool_)
    match kind:
        case Kind.NUMBER:
            return isinstance(value, Real | Decimal) and not truth and bool(np.isfinite(float(value)))
        case Kind.INTEGER:
            return not truth and isinstance(to_integer(value), Integral)
        case Kind.BOOLEAN:
            return truth
        case Kind.CATEGORY:
            return isinstance(value, str)
        case Kind.TIMESTAMP:
            found = getattr(value, "tzinfo", None) is not None
            return isinstance(value, datetime | np.datetime64) and zoned in (None, found)


class ColumnValuesOfKind(ColumnMapMetricProvider):
    """The metric of the rule: one truth value per row."""

    condition_metric_name = "column_values.of_kind"
    condition_value_keys = ("kind", "zoned")

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: "pd.Series", kind: str, zoned: bool | None = None, **_: Any) -> "pd.Series":  # noqa: N805
        return conforms_to_kind(column, Kind(kind), zoned)


class ColumnValuesOfOneKind(ColumnMapMetricProvider):
    """The metric of the rule for columns that the contract does not type: one truth value per row."""

    condition_metric_name = "column_values.of_one_kind"
    condition_value_keys = ("kinds",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: "pd.Series", kinds: Sequence[str], **_: Any) -> "pd.Series":  # noqa: N805
        return conforms_to_one_kind(column, [Kind(kind) for kind in kinds])


class ExpectColumnValuesToBeOfOneKind(ColumnMapExpectation):
    """Expect every value of a column to be of the same one of several kinds."""

    kinds: list[str]

    map_metric = "column_values.of_one_kind"
    success_keys = ("kinds", "mostly")
    args_keys = ("column", "kinds")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    @render_suite_parameter_string  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[Any]:
        meanings = [_MEANING[Kind(kind)] for kind in configuration.kwargs["kinds"]]
        return _render(f"values must all be of one kind: {', '.join(meanings)}.", configuration)


class ExpectColumnValuesToBeOfKind(ColumnMapExpectation):
    """Expect every value of a column to be of one of the contract's kinds."""

    kind: str
    zoned: bool | None = None

    map_metric = "column_values.of_kind"
    success_keys = ("kind", "zoned", "mostly")
    args_keys = ("column", "kind", "zoned")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    @render_suite_parameter_string  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(cls, configuration: Any = None, **_: Any) -> list[Any]:
        zone = {True: " with a time zone", False: " without a time zone"}.get(configuration.kwargs.get("zoned"), "")
        return _render(f"values must be {_MEANING[Kind(configuration.kwargs['kind'])]}{zone}.", configuration)


def _render(template: str, configuration: Any) -> list[Any]:
    text = {"template": template, "params": dict(configuration.kwargs)}
    return [RenderedStringTemplateContent(content_block_type="string_template", string_template=text)]
