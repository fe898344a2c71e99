"""Check that the candidate answers what production's clients sent in its last week, as production's log has it."""

from collections.abc import Iterable

from slipway.bundle.isolation.bundle_messages import RequestsTaken
from slipway.contract import Field
from slipway.gate.checks.check import Finding, gate_check
from slipway.gate.inputs import GateInputs
from slipway.gate.wording import NO_PRODUCTION
from slipway.serving.log.requests import LoggedRequests
from slipway.violations import describe_field

_LIMIT = "every row that production's model took in its last week"
_NAMED = 3


@gate_check(
    why="Clients send tomorrow what they sent last week: rows that no holdout has get an answer 422, or none.",
    advice="Let contract.py take these rows, and features.py score them; `slipway log` shows what clients send.",
)
def accepts_requests(inputs: GateInputs) -> Finding:
    """Fail for a row of production's log that the candidate's contract refuses, or that it cannot score.

    Found are counts and the contract's own rules: a log holds other people's data, and no value of it is reported.
    """
    if inputs.serving is None:
        return Finding(True, NO_PRODUCTION, _LIMIT)
    found = inputs.requests
    if found is None:
        return Finding(True, "saw no log of production: `slipway gate --log FOLDER` reads one", _LIMIT)
    model = inputs.serving.digest[:12]
    if not found.rows:
        return Finding(True, f"the log has no request that production's model {model} took{_left_out(found)}", _LIMIT)
    bundle = inputs.candidate.bundle
    taken = bundle.take_requests(found.rows)
    known = {field.wire_name: field for field in (*inputs.serving.fields, *bundle.fields)}
    problems = [*_describe_refusals(taken, known)]
    problems += [f"{taken.unscored:,} without a score"] if taken.unscored else []
    asked = f"{len(found.rows):,} distinct rows of {found.taken:,} that {model} took{_left_out(found)}"
    return Finding(not problems, "; ".join([*problems, asked] if problems else [f"scored {asked}"]), _LIMIT)


def _describe_refusals(taken: RequestsTaken, known: dict[str, Field]) -> Iterable[str]:
    """Yield the number of refused rows, then the most frequent reasons; a name that no contract has is not repeated."""
    if not taken.refused:
        return
    most = sorted(taken.refused, key=lambda refusal: (-refusal[2], refusal))
    reasons = [f"{rows:,} {_describe_reason(reason, name, known)}" for reason, name, rows in most[:_NAMED]]
    more = f", and {len(most) - _NAMED} more reasons" if len(most) > _NAMED else ""
    yield f"{sum(rows for _, _, rows in most):,} refused: {', '.join(reasons)}{more}"


def _describe_reason(reason: str, name: str, known: dict[str, Field]) -> str:
    field = known.get(name)
    if reason == "hook":
        return "by __post_init__"
    if field is None:
        return "by a rule of the contract"
    if reason == "missing":
        return f"without {name}, which is required"
    return f"with {name}, which is unknown" if reason == "unknown" else f"by {name} (expected {describe_field(field)})"


def _left_out(found: LoggedRequests) -> str:
    parts = {
        "logged without inputs": found.without_inputs,
        "of other models, other days or smoke tests": found.others,
        "damaged lines": found.damaged,
    }
    return "".join(f", {rows:,} {what}" for what, rows in parts.items() if rows)
