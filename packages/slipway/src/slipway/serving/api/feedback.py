"""`POST /feedback`: outcomes of predictions, accepted into the log and judged when they are joined."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from slipway.bundle import Manifest
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import parse_json, refuse_duplicate_keys, verify_row_count
from slipway.serving.error_responses import Fault, Reason, Refusal
from slipway.serving.identifiers import Identifier, format_identifier, new_identifier
from slipway.serving.log import Feedback
from slipway.serving.metrics.recorder import Recorder
from slipway.serving.request import Handler, Reply, Request, require_json, sent_identifiers
from slipway.violations import describe_value

_EXPECTED = {
    "prediction_id": "the prediction_id of a prediction",
    "observed_at": "a timestamp with a time zone, such as 2024-05-01T13:30:00Z",
    "source": "text of 1 to 100 characters",
    "supersedes": "the feedback_id of the feedback that this corrects",
}


class FeedbackAccepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome that was accepted."""

    feedback_id: Identifier
    prediction_id: Identifier


class BatchFeedbackAccepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outcomes that were accepted, in their order."""

    accepted: Annotated[list[FeedbackAccepted], Meta(min_length=1)]


def make_feedback_handler(predictor: Predictor, recorder: Recorder, max_rows: int) -> Handler:
    """Return the handler of the route."""
    classes = predictor.bundle.manifest.classes
    struct = feedback_struct(predictor.bundle.manifest)
    names = ", ".join(msgspec.json.encode(name).decode() for name in classes)
    expected = _EXPECTED | {"outcome": f"one of {names}" if classes else "a number"}

    def feedback(request: Request) -> Reply:
        require_json(request.environ)
        plain = parse_json(request.body)
        refuse_duplicate_keys(request.body)
        sent = plain if isinstance(plain, list) else [plain]
        verify_row_count(len(sent), max_rows)
        accepted = [_read(number, each, struct, expected) for number, each in enumerate(sent)]
        request_id, traceparent = sent_identifiers(request.environ)
        caller = {"request_id": request_id, "traceparent": traceparent}
        predictor.write(*[msgspec.structs.replace(record, **caller) for record in accepted])
        recorder.add("slipway_feedback", len(accepted))
        found = [FeedbackAccepted(record.id, record.prediction_id) for record in accepted]
        return Reply(msgspec.json.encode(BatchFeedbackAccepted(found) if sent is plain else found[0]), status=202)

    return feedback


def feedback_struct(manifest: Manifest) -> type[msgspec.Struct]:
    """Return the request: its outcome is one of the model's classes, or a number for a regression."""
    kind: Any = int | float
    if manifest.classes:
        kind = bool if isinstance(manifest.classes[0], bool) else Literal[manifest.classes]
    fields: list[Any] = [
        ("prediction_id", Annotated[Identifier, Meta(description="The prediction_id of the prediction.")]),
        ("outcome", Annotated[kind, Meta(description="Actual outcome.")]),
        ("observed_at", Annotated[datetime, Meta(tz=True, description="When it was observed.")] | None, None),
        ("source", Annotated[str, Meta(min_length=1, max_length=100, description="Its origin.")] | None, None),
        ("supersedes", Annotated[Identifier, Meta(description="The feedback_id that it corrects.")] | None, None),
    ]
    return msgspec.defstruct("FeedbackRequest", fields, forbid_unknown_fields=True)


def _read(
    number: int,
    plain: Any,
    struct: type[msgspec.Struct],
    expected: dict[str, str],
) -> Feedback:
    try:
        sent = msgspec.convert(plain, struct)
    except msgspec.ValidationError as error:
        field = next((name for name in expected if f"`$.{name}`" in str(error)), None)
        wanted = expected.get(field or "", "an object with prediction_id, outcome, optionally observed_at, source")
        found = describe_value(plain[field] if field else plain)
        where = f"Outcome {number}" + (f", field {field}" if field else "")
        fault = Fault(number, field, wanted, found)
        raise Refusal(Reason.INVALID_ROW, f"{where}: expected {wanted}, found {found}.", (fault,)) from None
    return Feedback(format_identifier(new_identifier()), datetime.now(UTC), *msgspec.structs.astuple(sent))
