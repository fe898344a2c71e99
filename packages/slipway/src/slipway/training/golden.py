"""Choose golden rows: ordinary ones, missing values, unseen categories, both ends of every range."""

import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from slipway.columns import Columns, columns_to_rows, count_rows, take_rows
from slipway.contract import Field, Kind

ORDINARY = 16


def choose_golden_rows(fields: Sequence[Field], columns: Columns) -> list[dict[str, Any]]:
    """Choose rows from `columns` and vary one field at a time, as plain rows that the contract accepts."""
    spread = np.linspace(0, count_rows(columns) - 1, min(ORDINARY, count_rows(columns))).astype(int)
    ordinary = columns_to_rows(fields, take_rows(columns, spread))
    varied = [
        {**ordinary[number % len(ordinary)], name: value}
        for number, (name, value) in enumerate(_variations(fields, columns))
    ]
    return ordinary + varied


def _variations(fields: Sequence[Field], columns: Columns) -> Iterator[tuple[str, Any]]:
    for field in fields:
        values = columns[field.name]
        if field.nullable:
            yield field.name, None
        if field.kind is Kind.CATEGORY:
            yield from ((field.name, text) for text in _unseen(field, {value for value in values if value is not None}))
        elif field.kind is Kind.BOOLEAN:
            yield from ((field.name, value) for value in (False, True))
        else:
            yield from ((field.name, value) for value in _ends(field, columns))


def _unseen(field: Field, seen: set[str]) -> list[str]:
    """Return a category that the rows do not have: another of a closed set, or a known one with a changed letter."""
    if field.categories:
        return sorted(set(field.categories) - seen)[:1]
    for text in sorted(seen):
        for position, old in enumerate(text):
            for new in _alike(old):
                changed = text[:position] + new + text[position + 1 :]
                if changed not in seen and re.search(field.pattern or "", changed):
                    return [changed]
    return []


def _alike(letter: str) -> str:
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    return next((kind for kind in kinds if letter in kind), "")


def _ends(field: Field, columns: Columns) -> list[Any]:
    """Return the contract's bounds, or the smallest and largest value seen where it has none."""
    values = columns[field.name]
    known = values[~np.isnat(values)] if field.kind is Kind.TIMESTAMP else values[~np.isnan(values)]
    if not len(known):
        return []
    seen = [row[field.name] for row in columns_to_rows([field], {field.name: np.array([known.min(), known.max()])})]
    bounds = (field.ge, field.le)
    return [end if bound is None else _typed(field, bound) for bound, end in zip(bounds, seen, strict=True)]


def _typed(field: Field, bound: float) -> Any:
    return int(bound) if field.kind is Kind.INTEGER else float(bound)
