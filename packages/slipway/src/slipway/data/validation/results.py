"""Convert a result of Great Expectations to a plain one, the same bytes for the same data."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from slipway.columns import to_integer
from slipway.contract import Field, Kind
from slipway.data.validation.report import Example, RuleResult
from slipway.data.validation.suite import COLUMNS, DISTINCT
from slipway.figures import round_figure, round_figures
from slipway.problem import Expectation
from slipway.rows.frame import plain_value
from slipway.violations import describe_violation

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3


def read_result(rule: Expectation, result: Any, frame: "pd.DataFrame", fields: Mapping[str, Field]) -> RuleResult:
    """Convert the result of `rule` on `frame` (index 0 to n - 1), with up to three rows that break it.

    `fields` has the contract's fields by name for a rule that comes from it, and is empty for one of the problem's.
    """
    detail = result.result or {}
    unexpected = int(detail.get("unexpected_count") or 0)
    column: str | None = rule.kwargs.get("column")
    examples = () if result.success else _examples(rule, column, detail, frame)
    violation = None
    if examples and unexpected and column and column in fields:
        violation = _violation(fields[column], frame[column].iloc[examples[0].row])
    return RuleResult(
        rule=rule.type,
        column=column,
        expected={name: _plain(value) for name, value in rule.kwargs.items() if name != "column"},
        why=rule.why,
        passed=bool(result.success),
        observed=_observed(rule, detail),
        unexpected=unexpected,
        share=round_figure(unexpected / len(frame)) if unexpected else None,
        violation=violation,
        examples=examples,
        error=_error(result.exception_info),
    )


def _observed(rule: Expectation, detail: dict[str, Any]) -> Any:
    if rule.type == COLUMNS:
        odd = detail.get("details", {}).get("mismatched", {})
        return {name: odd.get(name, []) for name in ("missing", "unexpected")} if odd else None
    return round_figures(_plain(detail.get("observed_value")))


def _violation(field: Field, value: Any) -> str:
    value = plain_value(value)
    return str(describe_violation(field, to_integer(value) if field.kind is Kind.INTEGER else value))


def _examples(
    rule: Expectation, column: str | None, detail: dict[str, Any], frame: "pd.DataFrame"
) -> tuple[Example, ...]:
    rows = detail.get("partial_unexpected_index_list") or []
    if rule.type == DISTINCT and column in frame:
        rows = frame[column].drop_duplicates().index[:EXAMPLES]
    # The columns of the rule first, then what helps to find the row again.
    arguments = [part for value in rule.kwargs.values() for part in (value if isinstance(value, list) else [value])]
    ruled = [part for part in arguments if isinstance(part, str)]
    return name_examples([column, *ruled], list(rows)[:EXAMPLES], frame)


def name_examples(first: Sequence[str | None], rows: Sequence[int], frame: "pd.DataFrame") -> tuple[Example, ...]:
    """Show rows of `frame`, the columns `first` in front."""
    named = dict.fromkeys([*first, "key", "group", "time", *frame.columns])
    names = [name for name in named if name in frame]
    return tuple(Example(int(row), {name: _plain(frame[name].iloc[row]) for name in names}) for row in rows)


def _error(info: dict[str, Any]) -> str | None:
    """Return the first message, which Great Expectations nests by metric if a metric failed."""
    if "raised_exception" in info:
        return str(info["exception_message"]) if info["raised_exception"] else None
    return next((str(one["exception_message"]) for one in info.values() if one["raised_exception"]), None)


def _plain(value: Any) -> Any:
    """Convert a value to JSON's types: missing to null, times to ISO 8601, other types to text."""
    import pandas as pd

    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_plain(part) for part in value]
        return sorted(parts, key=repr) if isinstance(value, set | frozenset) else parts
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
