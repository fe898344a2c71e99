"""The metrics of a service, and how a worker counts them: a few additions to shared memory for each request."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import product
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle import Manifest
from slipway.bundle.predictions import class_text
from slipway.problem import Task
from slipway.serving.error_responses import REASONS, Reason

# Seconds. A row takes about 0.1 ms, so most of the buckets are below a millisecond.
SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SHARES = tuple(step / 20 for step in range(1, 21))


class Route(StrEnum):
    """The route of a request, as a label."""

    PREDICT = "predict"
    INVOCATIONS = "invocations"
    INFER = "infer"
    FEEDBACK = "feedback"
    HEALTH = "health"
    OTHER = "other"


class Family(msgspec.Struct, frozen=True):
    """One metric: its series are the label values that can occur; a histogram has `edges`, a counter has none."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    series: tuple[tuple[str, ...], ...] = ((),)
    edges: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Numbers a series takes: one for a counter; a histogram has a bucket above its last edge, and a sum."""
        return len(self.edges) + 2 if self.edges else 1


# The shadow's own code, or ONNX Runtime, raised an error.
ERROR = "error"
# Why the shadow cannot score a row.
REFUSALS = (Reason.INVALID_ROW.value, Reason.NO_SCORE.value, ERROR)
# Why a row was not scored: the queue was full, the service ended, the shadow's process died, or its score could not be
# logged.
DROPS = ("full", "ended", "died", "log")


def metric_families(manifest: Manifest, score_edges: Sequence[float], shadow: bool = False) -> tuple[Family, ...]:
    """Return the metrics of a service of this model, with those of a `shadow` if it has one.

    `score_edges` are the bucket edges of a regression's scores.
    """
    labels = (*product(map(class_text, manifest.classes)),) or (("",),)
    classes = labels if manifest.task is Task.MULTICLASS else (("",),)
    edges = SHARES if manifest.classes else tuple(score_edges)
    statuses = tuple(product(Route, map(str, REASONS)))
    routes, reasons = tuple(product(Route)), tuple(product(Reason))
    seconds = "Seconds from reading a request to its response, by route."
    scores = "Scores of predicted rows, by class for a multiclass model."
    shadowing = (
        Family("slipway_shadow_taken", "Rows that the shadow took from its queue."),
        Family("slipway_shadow_scored", "Rows that the shadow scored and logged."),
        Family("slipway_shadow_refused", "Rows that the shadow cannot score.", ("reason",), tuple(product(REFUSALS))),
        Family(
            "slipway_shadow_dropped", "Rows that the shadow did not score or log.", ("reason",), tuple(product(DROPS))
        ),
    )
    return (
        Family("slipway_requests", "HTTP requests by route and status.", ("route", "status"), statuses),
        Family("slipway_request_seconds", seconds, ("route",), routes, SECONDS),
        Family("slipway_rejects", "Requests refused, by reason.", ("reason",), reasons),
        Family("slipway_refused_connections", "Connections refused above the limit of a worker."),
        Family("slipway_predictions", "Rows predicted, by label.", ("label",), labels),
        Family("slipway_score", scores, ("class",), classes, edges),
        Family("slipway_feedback", "Outcomes accepted."),
        Family("slipway_log_bytes", "Bytes written to the prediction log."),
        Family("slipway_log_failures", "Failed writes to the prediction log."),
        Family("slipway_unlogged_predictions", "Rows predicted without a line in the prediction log."),
        *(shadowing if shadow else ()),
    )


def count_slots(found: Sequence[Family]) -> int:
    """Count the numbers that the families need."""
    return sum(family.width * len(family.series) for family in found)


class Recorder:
    """Counts into one worker's numbers.

    The interpreter changes threads at calls and jumps. `numbers[i] += amount` has neither between reading and writing,
    as long as the amount is computed before; so no count is lost, and none needs a lock.
    """

    def __init__(self, found: Sequence[Family], numbers: "memoryview[float]") -> None:
        self._numbers = numbers
        self._slots: dict[str, dict[tuple[str, ...], int]] = {}
        slot = 0
        for family in found:
            starts = range(slot, slot + family.width * len(family.series), family.width)
            self._slots[family.name] = dict(zip(family.series, starts, strict=True))
            slot = starts.stop
        self._statuses = {(route, int(code)): at for (route, code), at in self._slots["slipway_requests"].items()}
        self._seconds = {route: at for (route,), at in self._slots["slipway_request_seconds"].items()}
        self._labels = {label: at for (label,), at in self._slots["slipway_predictions"].items()}
        self._scores = list(self._slots["slipway_score"].values())
        self._score_edges = next(family.edges for family in found if family.name == "slipway_score")
        self._edges, self._array = np.array(self._score_edges), np.frombuffer(numbers)  # type: ignore[arg-type]

    def request(self, route: Route, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._numbers[self._statuses[route, status]] += 1.0
        start = self._seconds[route]
        self._numbers[start + bisect_left(SECONDS, seconds)] += 1.0
        self._numbers[start + len(SECONDS) + 1] += seconds

    def prediction(self, score: Any, label: str) -> None:
        """Count one answered row; `score` is a number, or a list with one per class."""
        self._numbers[self._labels[label]] += 1.0
        edges = self._score_edges
        for start, value in zip(self._scores, score if isinstance(score, list) else (score,), strict=True):
            self._numbers[start + bisect_left(edges, value)] += 1.0
            self._numbers[start + len(edges) + 1] += value

    def predictions(self, scores: NDArray[Any], labels: Mapping[str, int]) -> None:
        """Count many answered rows: `scores` of shape (rows,) or (rows, classes), and the rows with each label."""
        for label, number in labels.items():
            rows = float(number)
            self._numbers[self._labels[label]] += rows
        buckets = len(self._edges) + 1
        for start, column in zip(self._scores, scores.reshape(len(scores), -1).T, strict=True):
            counted = np.bincount(self._edges.searchsorted(column), minlength=buckets)
            # numpy keeps the interpreter's lock for so few numbers.
            self._array[start : start + buckets] += counted
            total = float(column.sum())
            self._numbers[start + buckets] += total

    def reject(self, reason: Reason) -> None:
        """Count a refused request."""
        self._numbers[self._slots["slipway_rejects"][reason,]] += 1.0

    def add(self, name: str, amount: float = 1.0, *labels: str) -> None:
        """Count in a family, in the series with these labels."""
        self._numbers[self._slots[name][labels]] += amount

    def total(self, name: str) -> float:
        """Return the sum of a family's counters, of this worker alone."""
        return sum(self._numbers[slot] for slot in self._slots[name].values())
