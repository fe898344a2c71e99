"""The one place where rows of any protocol become predictions: scored, logged, counted, in this order."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from slipway.bundle import Bundle
from slipway.bundle.predictions import class_text
from slipway.bundle.row import RowScorer
from slipway.columns import rows_to_values, values_to_columns
from slipway.errors import ScoringError
from slipway.problem import Task
from slipway.serving.api.whole_rows import Rows
from slipway.serving.error_responses import Reason, Refusal
from slipway.serving.identifiers import format_identifier, format_identifiers, new_identifier
from slipway.serving.log import Batch, LogWriter, Prediction
from slipway.serving.metrics.recorder import Recorder
from slipway.serving.request import Request, sent_identifiers
from slipway.serving.settings import LogSettings
from slipway.serving.shadow.queue import ShadowQueue


class Answer(NamedTuple):
    """The prediction of one row.

    `score` is the probability of the last class, or the value of a regression; a multiclass task has the probability
    of each class, in the order of the manifest. `label` is None for a regression.
    """

    id: str
    score: Any
    label: Any


class Answers(NamedTuple):
    """The predictions of many rows, by the parts of an `Answer`."""

    ids: list[str]
    scores: list[Any]
    labels: Sequence[Any]


class Predictor:
    """A loaded bundle with its log and metrics; the buffers of its row scorer serve one thread at a time.

    Predictions raise `Refusal`: 422 for a row without a score, 503 while the log cannot be written. Those of a probe
    are logged, and left out of the metrics of predictions and of the shadow's queue.
    """

    def __init__(
        self,
        bundle: Bundle,
        log: LogWriter,
        recorder: Recorder,
        settings: LogSettings,
        shadow: ShadowQueue | None = None,
    ) -> None:
        self.bundle = bundle
        self._shadow = shadow
        self._log = log
        self._recorder = recorder
        self._open = settings.when_log_fails == "open"
        self._keep_inputs = settings.log_inputs == "all"
        self._row = RowScorer(bundle)
        self._encoder = msgspec.json.Encoder()
        self._labels: dict[Any, str] = {name: class_text(name) for name in bundle.manifest.classes} or {None: ""}

    def predict(self, rows: Sequence[msgspec.Struct], request: Request) -> list[Answer]:
        """Predict rows, a single one by the faster way."""
        if len(rows) == 1:
            return [self.one(rows[0], request)]
        return [*map(Answer, *self.many(Rows([*rows], True), request))]

    def one(self, row: msgspec.Struct, request: Request) -> Answer:
        """Predict one row."""
        try:
            score = self._row.score(row)
        except (ScoringError, OverflowError) as error:
            raise _no_score(error) from error
        label = self._label(score)
        identifier = format_identifier(new_identifier())
        now, latency = datetime.now(UTC), (time.perf_counter_ns() - request.began) // 1000
        probe, sent = request.is_probe, sent_identifiers(request.environ)
        self._write(Prediction(identifier, now, self.bundle.digest, latency, score, label, row, probe, *sent), 1)
        if not probe:
            self._recorder.prediction(score, self._labels[label])
        return Answer(identifier, score, label)

    def many(self, found: Rows, request: Request) -> Answers:
        """Predict many rows, each exactly as it would be alone."""
        try:
            values = found.values or rows_to_values(found.rows)
            scores = self.bundle.score(values_to_columns(self.bundle.fields, values))
        except (ScoringError, OverflowError) as error:
            raise _no_score(error) from error
        plain = scores.tolist()
        labels = self.bundle.label(scores).tolist() if self.bundle.manifest.classes else None
        first = new_identifier()
        now, latency = datetime.now(UTC), (time.perf_counter_ns() - request.began) // 1000
        digest, probe, sent = self.bundle.digest, request.is_probe, sent_identifiers(request.environ)
        inputs: Any = found.rows if found.sent is None else msgspec.Raw(found.sent)
        record = Batch(format_identifier(first), now, digest, latency, plain, labels, inputs, probe, *sent)
        self._write(record, len(plain))
        each = labels or [None] * len(plain)
        if not probe:
            self._recorder.predictions(scores, {self._labels[label]: each.count(label) for label in set(each)})
        return Answers(format_identifiers(first, len(plain)), plain, each)

    def write(self, *records: msgspec.Struct) -> None:
        """Write records to the log, all or none; raises `Refusal` (503) if that fails, whatever the policy."""
        self._append(b"".join([self._encoder.encode(record) + b"\n" for record in records]))

    def _append(self, lines: bytes) -> None:
        try:
            self._log.append(lines)
        except OSError as error:
            self._recorder.add("slipway_log_failures")
            detail = "Cannot write the prediction log, and every response must be logged. Retry after 5 seconds."
            raise Refusal(Reason.LOG, detail, headers=(("retry-after", "5"),)) from error
        self._recorder.add("slipway_log_bytes", len(lines))

    def _write(self, record: Prediction | Batch, rows: int) -> None:
        """Log a record; where it is logged, pass it with its inputs to the shadow."""
        kept = record if self._keep_inputs else replace(record, inputs=None)
        line = self._encoder.encode(kept) + b"\n"
        try:
            self._append(line)
        except Refusal:
            if not self._open:
                raise
            self._recorder.add("slipway_unlogged_predictions", rows)
            return
        if self._shadow is not None and not record.probe:
            whole = line if self._keep_inputs else self._encoder.encode(record)
            if not self._shadow.put(whole, rows):
                self._recorder.add("slipway_shadow_dropped", rows, "full")

    def _label(self, score: Any) -> Any:
        """Return the label as `Bundle.label` does, for one row."""
        manifest = self.bundle.manifest
        if manifest.task is Task.REGRESSION:
            return None
        if manifest.threshold is not None:
            return manifest.classes[score >= manifest.threshold]
        return manifest.classes[score.index(max(score))]


def _no_score(error: Exception) -> Refusal:
    if isinstance(error, ScoringError):
        return Refusal(Reason.NO_SCORE, "No finite score for a row: a number in it is too large.")
    return Refusal(Reason.NO_SCORE, "Cannot score a row: a number or timestamp in it is out of range.")
