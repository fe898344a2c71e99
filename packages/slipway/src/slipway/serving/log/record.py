"""The three kinds of line that the log holds, told apart by `kind`; and an entry as one line for people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from slipway.serving.identifiers import format_identifier


class Prediction(msgspec.Struct, frozen=True, tag_field="kind", tag="prediction", omit_defaults=True):
    """A predicted row: `score` is a number, or one per class; `inputs` is None where they are not logged."""

    id: str
    time: datetime
    model: str
    latency_us: int
    score: Any
    label: bool | int | str | None = None
    inputs: Any = None


class Batch(msgspec.Struct, frozen=True, tag_field="kind", tag="batch", omit_defaults=True):
    """The predicted rows of one request in one line, so that it is written whole; row n has the identifier `id` + n."""

    id: str
    time: datetime
    model: str
    latency_us: int
    scores: list[Any]
    labels: list[bool | int | str] | None = None
    inputs: list[Any] | None = None

    def predictions(self) -> Iterator[Prediction]:
        """Yield the rows one by one; each has the latency of the whole request."""
        first, nothing = UUID(self.id).int, [None] * len(self.scores)
        rows = zip(self.scores, self.labels or nothing, self.inputs or nothing, strict=True)
        for number, row in enumerate(rows, first):
            yield Prediction(format_identifier(number), self.time, self.model, self.latency_us, *row)


class Feedback(msgspec.Struct, frozen=True, tag_field="kind", tag="feedback", omit_defaults=True):
    """The outcome of a prediction; `supersedes` names the feedback that it corrects."""

    id: str
    time: datetime
    prediction_id: str
    outcome: bool | int | float | str
    observed_at: datetime | None = None
    source: str | None = None
    supersedes: str | None = None


Entry = Prediction | Feedback


def format_entry(entry: Entry) -> str:
    """Return time, kind and identifier, then score and label or the outcome."""
    when = f"{entry.time:%Y-%m-%d %H:%M:%S}"
    if isinstance(entry, Feedback):
        source = f" (from {entry.source})" if entry.source else ""
        return f"{when} feedback   {entry.prediction_id:<36} outcome {_json(entry.outcome)}{source}"
    scores = " ".join(f"{score:.4f}" for score in (entry.score if isinstance(entry.score, list) else [entry.score]))
    label = "" if entry.label is None else f" -> {_json(entry.label)}"
    inputs = "" if entry.inputs is None else f"  {_json(entry.inputs)}"
    model = entry.model[:12]
    return f"{when} prediction {entry.id:<36} {scores}{label} ({entry.latency_us} us, {model}){inputs}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
