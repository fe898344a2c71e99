"""Check that production can move to the candidate: it was not rolled back before and accepts what clients send."""

from slipway.bundle.code import CONTRACT
from slipway.bundle.contract_code import HOOK, read_hooks
from slipway.bundle.isolation import IsolatedBundle
from slipway.contract import Field, Kind
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.wording import NO_PRODUCTION

_ALLOWED = "no digest that was rolled back, failed or is distrusted"


@gate_check(
    why="A release that had to be rolled back once would have to be rolled back again.",
    advice="`slipway history production` says why; `slipway ledger unblock` allows it again, with a reason.",
)
def not_blocked(inputs: GateInputs) -> Finding:
    """Fail for a digest that was rolled back, failed to deploy or is distrusted."""
    digest, entry = inputs.candidate.bundle.digest, inputs.entry
    if digest in entry.distrusted:
        return Finding(False, f"distrusted by entry {entry.distrusted[digest]} of {entry.environment}", _ALLOWED)
    number = entry.blocked.get(digest)
    observed = "never rolled back" if number is None else f"blocked by entry {number} of {entry.environment}"
    return Finding(number is None, observed, _ALLOWED)


@gate_check(
    why="Clients do not change on the day of a release: their requests would be refused with 422.",
    advice="Keep the field and add a new, optional one; remove the old one when no client sends it.",
)
def contract_compatible(inputs: GateInputs) -> Finding:
    """Fail unless the candidate's contract accepts every row that production's accepts."""
    breaks: list[str] = []
    if inputs.serving:
        before, after = inputs.serving, inputs.candidate.bundle
        breaks = breaking_changes(before.fields, after.fields) + changed_hooks(_hooks(before), _hooks(after))
    observed = "; ".join(breaks) or ("accepts every row of before" if inputs.serving else NO_PRODUCTION)
    return Finding(not breaks, observed, "no narrower contract, each field with the meaning of before")


def breaking_changes(before: tuple[Field, ...], after: tuple[Field, ...]) -> list[str]:
    """List what a client of `before` may send and `after` refuses, in the order of the fields."""
    old, new = ({field.wire_name: field for field in fields} for fields in (before, after))
    found = [f"{name} was removed" for name in old if name not in new]
    for name, field in new.items():
        if name in old:
            found += [f"{name}: {change}" for change in _narrower(old[name], field)]
        elif field.required:
            found.append(f"{name} is new and required")
    return found


def changed_hooks(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """List functions that rows go through now and did not before (see `read_hooks`): they may refuse or change any."""
    changed = [name for name, code in after.items() if before.get(name) != code]
    named = ", ".join(changed)
    return (
        [f"code like {HOOK} is new or changed ({named}), and may refuse or change what clients send"] if changed else []
    )


def _hooks(bundle: IsolatedBundle) -> dict[str, str]:
    return read_hooks(bundle.sealed.files[CONTRACT], bundle.manifest.contract)


def _narrower(before: Field, after: Field) -> list[str]:
    if (before.kind, before.zoned) != (after.kind, after.zoned):
        return [f"{_kind(before)} became {_kind(after)}"]
    found = []
    if before.unit and before.unit != after.unit:
        found.append(f"the unit {before.unit} became {after.unit or 'none'}")
    if before.default and before.default != after.default and not after.required:
        found.append(f"the default {before.default} became {after.default}")
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
    return found + _lengths(before, after) + _multiples(before, after) + _bounds(before, after)


def _lengths(before: Field, after: Field) -> list[str]:
    found = []
    if (after.min_length or 0) > (before.min_length or 0):
        found.append(f"the shortest text rose from {before.min_length or 0} to {after.min_length} characters")
    longest = max(map(len, before.categories), default=before.max_length)
    if after.max_length is not None and (longest is None or after.max_length < longest):
        found.append(f"the longest text fell from {longest or 'any'} to {after.max_length} characters")
    return found


def _multiples(before: Field, after: Field) -> list[str]:
    """Describe a new step, unless each multiple of the old one is a multiple of it."""
    new, old = after.multiple_of, before.multiple_of or (1 if before.kind is Kind.INTEGER else None)
    if new is None or (old is not None and (old / new).is_integer()):
        return []
    return [f"the values became multiples of {new:g}"]


def _bounds(before: Field, after: Field) -> list[str]:
    """Describe narrowed ranges; an excluded end is a tighter limit than the same end included."""
    found = []
    low_before, low_after = _low(before), _low(after)
    if low_after > low_before:
        found.append(f"the minimum rose from {low_before[0]:g} to {low_after[0]:g}")
    high_before, high_after = _high(before), _high(after)
    if high_after < high_before:
        found.append(f"the maximum fell from {high_before[0]:g} to {high_after[0]:g}")
    return found


def _low(field: Field) -> tuple[float, bool]:
    """Return the lower limit, and True if it is excluded."""
    ends = [(field.ge, False), (field.gt, True)]
    return max(((end, open_) for end, open_ in ends if end is not None), default=(float("-inf"), False))


def _high(field: Field) -> tuple[float, bool]:
    """Return the upper limit, and True if it is included."""
    ends = [(field.le, True), (field.lt, False)]
    return min(((end, closed) for end, closed in ends if end is not None), default=(float("inf"), True))


def _kind(field: Field) -> str:
    return f"{field.kind} with a time zone" if field.zoned else field.kind.value
