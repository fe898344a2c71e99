"""A row is accepted as the contract describes it, and its features depend on it alone, wherever they are derived."""

import inspect
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from slipway.bundle.allowed import find_forbidden
from slipway.bundle.isolation.state import digest_state, is_same_state
from slipway.columns import Columns, columns_to_rows, count_rows, frame_to_columns, rows_to_columns, take_rows
from slipway.contract import Field, Kind, read_contract
from slipway.problem import Problem
from slipway.training.fit import derive_features

if TYPE_CHECKING:
    import pandas as pd

# Rows that are sent, rows whose features are derived, and rows of which they are derived alone.
_SENT, _DERIVED, _ALONE = 3_000, 2_000, 200
_UNSEEN = "never seen before"


class ContractConformance:
    """Test that requests and the dataset hold the same kind of row."""

    def test_rows_of_the_dataset_are_accepted_and_come_back_equal(
        self, problem: Problem, sample: "pd.DataFrame"
    ) -> None:
        fields = read_contract(problem.contract)
        some = sample.iloc[:: -(-len(sample) // _SENT)]
        for number, row in zip(some.index, columns_to_rows(fields, frame_to_columns(fields, some)), strict=True):
            refused = _send_row(problem, fields, row)
            assert not refused, (
                f"Row {number} of the sample: {refused}. Every row of the dataset must be one that a client could "
                "send: change the field in contract.py, or fix or leave out such rows in dataset.py."
            )

    def test_limits_categories_and_missing_values_are_accepted_and_come_back_equal(
        self, problem: Problem, sample: "pd.DataFrame"
    ) -> None:
        fields = read_contract(problem.contract)
        (row,) = columns_to_rows(fields, frame_to_columns(fields, sample.head(1)))
        for field in fields:
            for value in _extreme_values(field):
                refused = _send_row(problem, fields, row | {field.wire_name: value})
                # A rule of the struct over several fields may refuse such a row; its error names no field.
                assert not refused or ("refused" in refused and f"$.{field.wire_name}" not in refused), (
                    f"{field.name} = {value!r}: {refused}. The field says that it may have this value: correct its "
                    "range, categories or type in contract.py."
                )

    def test_contract_and_features_use_only_names_that_the_gate_allows(self, problem: Problem) -> None:
        paths = [Path(inspect.getfile(problem.contract))]
        paths += [Path(inspect.getfile(problem.features))] if problem.features else []
        for path in paths:
            found = find_forbidden(path.name, path.read_bytes())
            assert not found, f"{', '.join(found)}: docs/gate.md says what may be used, and why."


def _send_row(problem: Problem, fields: Sequence[Field], row: dict[str, Any]) -> str:
    """Send a row as JSON through contract and columns and back; return what went wrong, or an empty text."""
    try:
        typed = msgspec.json.decode(msgspec.json.encode(row), type=problem.contract)
    except msgspec.ValidationError as error:
        return f"refused by {problem.contract.__name__}: {error}"
    (back,) = columns_to_rows(fields, rows_to_columns(fields, [typed]))
    changed = [name for name, value in back.items() if value != row.get(name)]
    return f"{changed[0]} came back as {back[changed[0]]!r}, sent was {row.get(changed[0])!r}" if changed else ""


def _extreme_values(field: Field) -> Iterator[Any]:
    """Yield the values at the ends of what a field takes, in no order."""
    if field.nullable:
        yield None
    if field.kind is Kind.BOOLEAN:
        yield from (True, False)
    elif field.kind is Kind.CATEGORY:
        yield from field.categories or (() if field.pattern else (_UNSEEN[: field.max_length],))
    elif field.kind is Kind.INTEGER:
        ends = (field.ge, _beside(field.gt, 1), field.le, _beside(field.lt, -1))
        yield from (int(end) for end in ends if end is not None)
    elif field.kind is Kind.NUMBER:
        yield from (float(end) for end in (field.ge, field.le) if end is not None)
        yield from (math.nextafter(field.gt, math.inf),) if field.gt is not None else ()
        yield from (math.nextafter(field.lt, -math.inf),) if field.lt is not None else ()


def _beside(end: float | None, step: int) -> float | None:
    return None if end is None else end + step


@pytest.fixture(scope="session")
def columns(problem: Problem, sample: "pd.DataFrame") -> Columns:
    """Rows spread over the sample, as features get them."""
    return frame_to_columns(read_contract(problem.contract), sample.iloc[:: -(-len(sample) // _DERIVED)])


class FeatureConformance:
    """Test that `features` is a pure function of one row."""

    def test_features_of_a_row_alone_are_those_in_a_batch(self, problem: Problem, columns: Columns) -> None:
        together = derive_features(problem, columns)
        for row in range(0, count_rows(columns), max(1, count_rows(columns) // _ALONE)):
            alone = derive_features(problem, take_rows(columns, slice(row, row + 1)))
            _compare(
                alone, take_rows(together, slice(row, row + 1)), f"of row {row} alone differ from those in a batch"
            )

    def test_features_are_the_same_in_another_order(self, problem: Problem, columns: Columns) -> None:
        order = np.random.default_rng(0).permutation(count_rows(columns))
        shuffled = derive_features(problem, take_rows(columns, order))
        _compare(shuffled, take_rows(derive_features(problem, columns), order), "depend on the order of the rows")

    def test_features_are_the_same_when_asked_again(self, problem: Problem, columns: Columns) -> None:
        first = {name: values.copy() for name, values in derive_features(problem, columns).items()}
        _compare(derive_features(problem, columns), first, "differ when they are asked for again")

    def test_a_call_keeps_nothing_for_the_next_one(self, problem: Problem, columns: Columns) -> None:
        functions = (problem.contract, problem.features or problem.contract)
        modules = [sys.modules[each.__module__] for each in functions]
        before = digest_state(modules)
        derive_features(problem, take_rows(columns, slice(0, _ALONE)))
        assert is_same_state(before, digest_state(modules)), (
            "A call of features.py changed a global, a default, a class or an iterator. The next "
            "rows would get other features, or the service runs out of memory. Keep fixed values only, and use "
            "functools.cache where the same question is asked again."
        )

    def test_features_leave_their_input_as_it_is(self, problem: Problem, columns: Columns) -> None:
        given = {name: values.copy() for name, values in columns.items()}
        derive_features(problem, given)
        _compare(given, columns, "change the columns that they are given")


def _compare(found: Columns, expected: Columns, what: str) -> None:
    assert found.keys() == expected.keys(), f"Features {what}: {sorted(found.keys() ^ expected.keys())}"
    for name, values in found.items():
        assert values.dtype == expected[name].dtype and _equal(values, expected[name]), (
            f"Features {what}: {name!r}. features.py may look at nothing but the row itself: no other row, no mean of "
            "the batch, no clock, no random number, no file. What is learnt from data belongs into the estimator."
        )


def _equal(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return np.array_equal(found, expected, equal_nan=found.dtype.kind in "fmM")
