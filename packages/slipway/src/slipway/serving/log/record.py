"""The four kinds of line that the log holds, told apart by `kind`; and an entry as one line for people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from slipway.serving.identifiers import format_identifier, format_identifiers

# Rows of a shadow's line that a person sees.
_SHOWN = 5


class Prediction(msgspec.Struct, frozen=True, tag_field="kind", tag="prediction", omit_defaults=True):
    """A predicted row: `score` is a number, or one per class; `inputs` is None where they are not logged.

    `request_id` and `traceparent` are those that the caller sent (X-Request-Id, W3C Trace Context).

    A `probe` was sent to test the service and is no traffic: readers of the log count it and pass it by.
    """

    id: str
    time: datetime
    model: str
    latency_us: int
    score: float | list[float]
    label: bool | int | str | None = None
    inputs: Any = None
    probe: bool = False
    request_id: str | None = None
    traceparent: str | None = None


class Batch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch", omit_defaults=True):
    """The predicted rows of one request in one line, so that it is written whole; row n has the identifier `id` + n."""

    id: str
    time: datetime
    model: str
    latency_us: int
    scores: list[float | list[float]]
    labels: list[bool | int | str] | None = None
    inputs: list[Any] | None = None
    probe: bool = False
    request_id: str | None = None
    traceparent: str | None = None

    def predictions(self) -> Iterator[Prediction]:
        """Yield the rows one by one; each has the latency of the whole request."""
        first, nothing = UUID(self.id).int, [None] * len(self.scores)
        rows = zip(self.scores, self.labels or nothing, self.inputs or nothing, strict=True)
        for number, row in enumerate(rows, first):
            yield Prediction(
                format_identifier(number),
                self.time,
                self.model,
                self.latency_us,
                *row,
                probe=self.probe,
                request_id=self.request_id,
                traceparent=self.traceparent,
            )


class Feedback(msgspec.Struct, frozen=True, tag_field="kind", tag="feedback", omit_defaults=True):
    """The outcome of a prediction; `supersedes` names the feedback that it corrects."""

    id: str
    time: datetime
    prediction_id: str
    outcome: bool | int | float | str
    observed_at: datetime | None = None
    source: str | None = None
    supersedes: str | None = None
    request_id: str | None = None
    traceparent: str | None = None


class Shadow(msgspec.Struct, frozen=True, tag_field="kind", tag="shadow", omit_defaults=True):
    """The scores of a shadow bundle for the predictions of one request: row n shadows the prediction `id` + n.

    `model` is the shadow's digest. A row that it refused has the score and the label None, and is counted in `refused`
    by its reason, such as `invalid-row:plan`.
    """

    id: str
    time: datetime
    model: str
    scores: list[float | list[float] | None]
    labels: list[bool | int | str | None] | None = None
    refused: dict[str, int] = {}

    def shadowed(self) -> list[str]:
        """Return the identifiers of the predictions, row after row."""
        return [self.id] if len(self.scores) == 1 else format_identifiers(UUID(self.id).int, len(self.scores))


Entry = Prediction | Feedback | Shadow


def format_entry(entry: Entry) -> str:
    """Return time, kind and identifier, then score and label, the outcome, or the scores of the shadow.

    What a client sent cannot control the terminal.
    """
    return "".join(each if each.isprintable() else "?" for each in _format(entry))


def _format(entry: Entry) -> str:
    when = f"{entry.time:%Y-%m-%d %H:%M:%S}"
    if isinstance(entry, Feedback):
        source = f" (from {entry.source})" if entry.source else ""
        return f"{when} feedback   {entry.prediction_id:<36} outcome {_json(entry.outcome)}{source}"
    if isinstance(entry, Shadow):
        more = f" and {len(entry.scores) - _SHOWN} more" if len(entry.scores) > _SHOWN else ""
        rows = "; ".join(map(_format_score, entry.scores[:_SHOWN]))
        return f"{when} shadow     {entry.id:<36} {rows}{more} ({entry.model[:12]})"
    scores = _format_score(entry.score)
    label = "" if entry.label is None else f" -> {_json(entry.label)}"
    inputs = "" if entry.inputs is None else f"  {_json(entry.inputs)}"
    model = entry.model[:12]
    kind = "probe     " if entry.probe else "prediction"
    return f"{when} {kind} {entry.id:<36} {scores}{label} ({entry.latency_us} us, {model}){inputs}"


def _format_score(score: Any) -> str:
    if score is None:
        return "refused"
    return " ".join(f"{each:.4f}" for each in (score if isinstance(score, list) else [score]))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
