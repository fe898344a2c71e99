"""The three kinds of line that the log holds, told apart by `kind`."""

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
        first = UUID(self.id).int
        for row, score in enumerate(self.scores):
            label = self.labels[row] if self.labels else None
            inputs = self.inputs[row] if self.inputs else None
            yield Prediction(
                format_identifier(first + row), self.time, self.model, self.latency_us, score, label, inputs
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


Record = Prediction | Batch | Feedback
