"""Derive the rules of a dataset from the contract as plain data, and build Great Expectations' objects from rules."""

import difflib
from collections.abc import Collection, Iterator
from typing import Any

from slipway.contract import Field, Kind, read_contract
from slipway.errors import ProblemError
from slipway.problem import Expectation, Problem, Task, View

DATASET = "dataset"

EXISTS = "expect_column_to_exist"
COLUMNS = "expect_table_columns_to_match_set"
OF_KIND = "expect_column_values_to_be_of_kind"
NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
REGEX = "expect_column_values_to_match_regex"
UNIQUE = "expect_column_values_to_be_unique"
DISTINCT = "expect_column_unique_value_count_to_be_between"
ONE_KIND = "expect_column_values_to_be_of_one_kind"
# Of whole rows, beside the suite: Great Expectations has no such rule.
ACCEPTED = "expect_rows_to_be_accepted"


def dataset_view(problem: Problem, present: Collection[str]) -> View:
    """List the rules of the contract and the task for a dataset with the columns `present`.

    The optional columns `group`, `time` and `key` have rules if they are present.
    """
    fields = read_contract(problem.contract)
    optional = [name for name in ("group", "time", "key") if name in present]
    allowed = sorted([*(field.name for field in fields), "target", *optional])
    rules = [_rule(COLUMNS, "no column but the contract's, target, group, time and key", column_set=allowed)]
    for field in fields:
        rules.extend(_field_rules(field))
    rules.extend(_target_rules(problem.task))
    for name in optional:
        rules.extend(_reserved_rules(name))
    return View(name=DATASET, of=lambda frame: frame, expectations=tuple(rules))


def build_expectations(view: View) -> list[Any]:
    """Build one expectation per rule of `view`, numbered in order under `meta["number"]`.

    Raises `ProblemError` for an unknown type and for arguments that it does not accept.
    """
    return [_build(view, number, rule) for number, rule in enumerate(view.expectations)]


def _field_rules(field: Field) -> Iterator[Expectation]:
    why = f"contract: {field.description or field.name}" + (f" [{field.unit}]" if field.unit else "")
    yield _rule(EXISTS, why, field.name)
    zone = {"zoned": field.zoned} if field.kind is Kind.TIMESTAMP else {}
    yield _rule(OF_KIND, why, field.name, kind=field.kind.value, **zone)
    if not field.nullable:
        yield _rule(NOT_NULL, why, field.name)
    if bounds := _bounds(field):
        yield _rule(BETWEEN, why, field.name, **bounds)
    if field.categories:
        yield _rule(IN_SET, why, field.name, value_set=list(field.categories))
    if field.pattern is not None:
        yield _rule(REGEX, why, field.name, regex=field.pattern)
    # Missing is a value too: where it is allowed, a single other value can still tell something.
    least = 1 if field.nullable else 2
    yield _rule(DISTINCT, "a column that never changes tells a model nothing", field.name, min_value=least)


def _bounds(field: Field) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    if field.ge is not None or field.gt is not None:
        bounds["min_value"] = field.ge if field.ge is not None else field.gt
    if field.le is not None or field.lt is not None:
        bounds["max_value"] = field.le if field.le is not None else field.lt
    if field.gt is not None:
        bounds["strict_min"] = True
    if field.lt is not None:
        bounds["strict_max"] = True
    return bounds


def _target_rules(task: Task) -> Iterator[Expectation]:
    yield _rule(EXISTS, "there is something to learn", "target")
    yield _rule(NOT_NULL, "every row has an outcome", "target")
    if task is not Task.REGRESSION:
        kinds = [Kind.BOOLEAN, Kind.INTEGER, Kind.CATEGORY]
        yield _one_kind("classes are all truth values, all whole numbers or all text", "target", kinds)
    match task:
        case Task.BINARY:
            why = "a binary target has exactly two classes"
            yield _rule(DISTINCT, why, "target", min_value=2, max_value=2)
        case Task.MULTICLASS:
            yield _rule(DISTINCT, "a target with one class cannot be learned", "target", min_value=2)
        case Task.REGRESSION:
            yield _rule(OF_KIND, "a regression target is a finite number", "target", kind=Kind.NUMBER.value)
            yield _rule(DISTINCT, "a target that never changes cannot be learned", "target", min_value=2)


def _reserved_rules(name: str) -> Iterator[Expectation]:
    match name:
        case "group":
            yield _rule(NOT_NULL, "every row belongs to a group: the split goes by it", name)
            yield _rule(OF_KIND, "the split hashes the text of a group", name, kind=Kind.CATEGORY.value)
        case "time":
            yield _rule(NOT_NULL, "every row happened at some time", name)
            yield _one_kind("the time of a row is a timestamp, all with a time zone or none", name, [Kind.TIMESTAMP])
        case "key":
            yield _rule(NOT_NULL, "every row can be found again", name)
            yield _one_kind("keys of one column are of one type", name, list(Kind))
            yield _rule(UNIQUE, "no row comes twice, say by a join", name)


def _one_kind(why: str, column: str, kinds: list[Kind]) -> Expectation:
    return _rule(ONE_KIND, why, column, kinds=[kind.value for kind in kinds])


def _rule(kind_of_rule: str, why: str, column: str | None = None, **kwargs: Any) -> Expectation:
    return Expectation(
        type=kind_of_rule,
        kwargs=kwargs if column is None else {"column": column, **kwargs},
        why=why,
    )


def _build(view: View, number: int, rule: Expectation) -> Any:
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations import registry

    import slipway.data.validation.kinds  # noqa: F401

    try:
        kind = registry.get_expectation_impl(rule.type)
        # Results come in another order; the number tells which rule a result belongs to.
        return kind(**{**rule.kwargs, "notes": rule.why, "meta": {"number": number}})
    except ExpectationNotFoundError as error:
        known = registry.list_registered_expectation_implementations()
        near = difflib.get_close_matches(rule.type, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ProblemError(
            f"The view {view.name!r} has a rule of the type {rule.type!r}, which Great Expectations does not "
            f"have.{hint}"
        ) from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ProblemError(
            f"The view {view.name!r}: {rule.type} does not accept the arguments {dict(rule.kwargs)!r}: "
            f"{faults.replace('__root__: ', '')}. Fix them in the problem's expectations."
        ) from error
