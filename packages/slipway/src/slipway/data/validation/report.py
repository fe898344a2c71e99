"""The report of a validation: one result per rule, and a paragraph for the person who fixes the data."""

from collections.abc import Iterator
from typing import Any

import msgspec

from slipway.data.validation.suite import ACCEPTED, COLUMNS, DATASET

# A message with a hundred lines is not read; the report has all of them.
_SHOWN_RULES = 10
_SHOWN_VALUES = 8


class Example(msgspec.Struct, frozen=True):
    """A row that breaks a rule: its position, counted from 0, and its values, the rule's column first."""

    row: int
    values: dict[str, Any]


class RuleResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one rule.

    `unexpected` counts the rows that break it, `share` is their share of all, and `violation` tells how the first of
    them breaks the contract. For a rule on all rows at once, `observed` is the value that it checked. `error` is the
    reason why it could not be checked. Empty fields are left out of the file.
    """

    rule: str
    column: str | None = None
    expected: dict[str, Any]
    why: str
    passed: bool
    observed: Any = None
    unexpected: int = 0
    share: float | None = None
    violation: str | None = None
    examples: tuple[Example, ...] = ()
    error: str | None = None


class ViewReport(msgspec.Struct, frozen=True):
    """One table and its rules, sorted by column and type."""

    name: str
    rows: int
    rules: tuple[RuleResult, ...]


class Report(msgspec.Struct, frozen=True):
    """The results of the dataset, then of the problem's views; `unchecked` ones need a dataset that fits its rules."""

    success: bool
    rows: int
    views: tuple[ViewReport, ...]
    unchecked: tuple[str, ...] = ()


def explain_report(report: Report) -> str:
    """Explain a failed validation: for each broken rule its column, the violation, and rows that break it."""
    found = [(view, rule) for view in report.views for rule in root_failures(view)]
    count = "one rule" if len(found) == 1 else f"{len(found)} rules"
    lines = [f"The dataset of {report.rows:,} rows breaks {count}."]
    for number, (view, rule) in enumerate(found[:_SHOWN_RULES], start=1):
        lines.append(f"({number}) {_describe(view, rule)}")
    if len(found) > _SHOWN_RULES:
        lines.append(f"And {len(found) - _SHOWN_RULES} more.")
    if report.unchecked:
        lines.append(f"Not checked until the columns are right: {', '.join(report.unchecked)}.")
    return "\n".join(lines)


def root_failures(view: ViewReport) -> Iterator[RuleResult]:
    """List the broken rules, without those that repeat another, such as every further rule on a missing column."""
    broken = [rule for rule in view.rules if not rule.passed]
    explained = {rule.column for rule in broken if rule.error is None}
    said = {(rule.column, rule.violation) for rule in broken if rule.rule != ACCEPTED}
    for rule in broken:
        if rule.rule == ACCEPTED and (rule.column, rule.violation) in said:
            continue
        missing_only = rule.rule == COLUMNS and rule.observed and not rule.observed["unexpected"]
        if not (rule.error and rule.column in explained) and not missing_only:
            yield rule


def _describe(view: ViewReport, rule: RuleResult) -> str:
    column = f"column {rule.column}" if rule.column else "the whole table"
    subject = column if view.name == DATASET else f"view {view.name}, {column}"
    if rule.violation:
        text = f"{subject}: {rule.violation} in {_count(view, rule)} ({rule.rule}, {rule.why})"
    else:
        text = f"{subject}: {rule.rule}{_arguments(rule)} {_outcome(view, rule)} ({rule.why})"
    if rule.examples:
        text += ", for example " + "; ".join(_row(example) for example in rule.examples)
    return text + "."


def _arguments(rule: RuleResult) -> str:
    # All columns of the contract would bury the one that is too many.
    if not rule.expected or rule.rule == COLUMNS:
        return ""
    return f"({', '.join(f'{name}={_value(value)}' for name, value in rule.expected.items())})"


def _outcome(view: ViewReport, rule: RuleResult) -> str:
    if rule.error:
        return f"could not be checked: {rule.error.rstrip('.')}"
    if rule.rule == COLUMNS:
        return f"found unknown columns: {', '.join(rule.observed['unexpected'])}"
    if rule.unexpected:
        return f"is broken by {_count(view, rule)}"
    return "fails" if rule.observed is None else f"fails: observed {_value(rule.observed)}"


def _count(view: ViewReport, rule: RuleResult) -> str:
    return f"{rule.unexpected:,} of {view.rows:,} rows, {100 * (rule.share or 0):.3g} %"


def _row(example: Example) -> str:
    shown = [f"{name}={_value(value)}" for name, value in list(example.values.items())[:_SHOWN_VALUES]]
    return f"row {example.row} ({', '.join(shown)}{', ...' if len(example.values) > _SHOWN_VALUES else ''})"


def _value(value: Any) -> str:
    if isinstance(value, list):
        shown = [_value(part) for part in value[:_SHOWN_VALUES]]
        return f"[{', '.join(shown)}{', ...' if len(value) > _SHOWN_VALUES else ''}]"
    return "missing" if value is None else repr(value)
