"""Whether the candidate still takes what clients of production send."""

from slipway.contract import Field
from slipway.gate.inputs import GateInputs
from slipway.gate.result import CheckResult


def contract_compatible(case: GateInputs) -> CheckResult:
    """Every row that production's contract accepts must be accepted by the candidate's."""
    breaks: list[str] = []
    if case.production:
        breaks = breaking_changes(case.production.bundle.fields, case.candidate.bundle.fields)
    return CheckResult(
        name="contract_compatible",
        passed=not breaks,
        observed="; ".join(breaks) or ("no production yet" if case.production is None else "takes all that it took"),
        limit="whatever clients send today",
        why="Clients do not change on the day of a release: what they send would be refused with 422.",
        advice="Keep the field as it was and add a new, optional one; remove the old one when no client sends it.",
    )


def breaking_changes(before: tuple[Field, ...], after: tuple[Field, ...]) -> list[str]:
    """What a client of `before` may send and `after` refuses, one sentence each, in the order of the fields."""
    old, new = ({field.name: field for field in fields} for fields in (before, after))
    found = [f"{name} was removed" for name in old if name not in new]
    for name, field in new.items():
        if name in old:
            found += [f"{name}: {change}" for change in _narrower(old[name], field)]
        elif field.required:
            found.append(f"{name} is new and required")
    return found


def _narrower(before: Field, after: Field) -> list[str]:
    if (before.kind, before.zoned) != (after.kind, after.zoned):
        return [f"{_kind(before)} became {_kind(after)}"]
    found = []
    if after.required and not before.required:
        found.append("is required now")
    if before.nullable and not after.nullable:
        found.append("may no longer be null")
    if after.pattern != before.pattern and after.pattern is not None:
        found.append(f"the pattern {before.pattern} became {after.pattern}")
    if after.categories and not before.categories:
        found.append(f"any text became one of {', '.join(after.categories)}")
    elif gone := [each for each in before.categories if after.categories and each not in after.categories]:
        found.append(f"{', '.join(gone)} no longer allowed")
    return found + _bounds(before, after)


def _bounds(before: Field, after: Field) -> list[str]:
    """Narrowed ranges; an open end is the same limit as a closed one that is left out."""
    found = []
    low_before, low_after = _low(before), _low(after)
    if low_after > low_before:
        found.append(f"the least value rose from {low_before[0]:g} to {low_after[0]:g}")
    high_before, high_after = _high(before), _high(after)
    if high_after < high_before:
        found.append(f"the largest value fell from {high_before[0]:g} to {high_after[0]:g}")
    return found


def _low(field: Field) -> tuple[float, bool]:
    """The lower limit, and whether it is itself left out."""
    ends = [(field.ge, False), (field.gt, True)]
    return max(((end, open_) for end, open_ in ends if end is not None), default=(float("-inf"), False))


def _high(field: Field) -> tuple[float, bool]:
    """The upper limit, and whether it belongs to the range."""
    ends = [(field.le, True), (field.lt, False)]
    return min(((end, closed) for end, closed in ends if end is not None), default=(float("inf"), True))


def _kind(field: Field) -> str:
    return f"{field.kind} with a time zone" if field.zoned else field.kind.value


CHECKS = (contract_compatible,)
