"""`POST /feedback`: what became of predictions, taken down at once and judged when it is joined."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Manifest
from slipway.problem import Task
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import parse_json, refuse_duplicate_keys, verify_row_count
from slipway.serving.identifiers import format_identifier, new_identifier
from slipway.serving.log import Feedback
from slipway.serving.metrics.recorder import Recorder
from slipway.serving.problems import Fault, Reason, Refusal
from slipway.serving.request import Handler, Reply, Request, require_json

UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
Identifier = Annotated[str, Meta(pattern=UUID, max_length=36)]
Source = Annotated[str, Meta(min_length=1, max_length=100)]
Instant = Annotated[datetime, Meta(tz=True)]
EXPECTED = {
    "prediction_id": "the identifier that a prediction came with",
    "observed_at": "a timestamp with a time zone, such as 2024-05-01T13:30:00Z",
    "source": "text of 1 to 100 characters",
    "supersedes": "the feedback_id of the feedback that this corrects",
}


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outcome, as a client sends it."""

    prediction_id: Identifier
    outcome: Any
    observed_at: Instant | None = None
    source: Source | None = None
    supersedes: Identifier | None = None


def make_feedback_handler(predictor: Predictor, recorder: Recorder, max_rows: int) -> Handler:
    """The route's handler."""
    manifest = predictor.bundle.manifest

    def feedback(request: Request) -> Reply:
        require_json(request.environ)
        plain = parse_json(request.body)
        refuse_duplicate_keys(request.body)
        single = not isinstance(plain, list)
        sent = [plain] if single else plain
        verify_row_count(len(sent), max_rows)
        accepted = [_record(_read(number, each, manifest)) for number, each in enumerate(sent)]
        predictor.write(*accepted)
        recorder.add("slipway_feedback", len(accepted))
        found = [{"feedback_id": record.id, "prediction_id": record.prediction_id} for record in accepted]
        return Reply(msgspec.json.encode(found[0] if single else {"accepted": found}), status=202)

    return feedback


def describe_outcome(manifest: Manifest) -> str:
    """What an outcome of this model is."""
    if manifest.task is Task.REGRESSION:
        return "a number"
    return "one of " + ", ".join(msgspec.json.encode(name).decode() for name in manifest.classes)


def _read(number: int, plain: Any, manifest: Manifest) -> Outcome:
    try:
        outcome = msgspec.convert(plain, Outcome)
    except msgspec.ValidationError as error:
        field = next((name for name in EXPECTED if f"`$.{name}`" in str(error)), None)
        wanted = EXPECTED.get(field or "", "an object with prediction_id, outcome, and if known observed_at, source")
        raise _invalid(Fault(number, field, wanted, "something else")) from None
    if not _is_outcome(outcome.outcome, manifest):
        raise _invalid(Fault(number, "outcome", describe_outcome(manifest), "something else"))
    return outcome


def _is_outcome(value: Any, manifest: Manifest) -> bool:
    if manifest.task is Task.REGRESSION:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return any(type(value) is type(name) and value == name for name in manifest.classes)


def _record(outcome: Outcome) -> Feedback:
    return Feedback(
        format_identifier(new_identifier()),
        datetime.now(UTC),
        outcome.prediction_id,
        outcome.outcome,
        outcome.observed_at,
        outcome.source,
        outcome.supersedes,
    )


def _invalid(fault: Fault) -> Refusal:
    where = f"Outcome {fault.row}" + (f", field {fault.field}" if fault.field else "")
    return Refusal(422, Reason.INVALID_ROW, f"{where}: expected {fault.expected}.", (fault,))
