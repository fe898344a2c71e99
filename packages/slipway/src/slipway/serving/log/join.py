"""Join predictions with their outcomes: feedback is accepted wherever it arrives, and judged here over all logs."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from slipway.serving.log.record import Entry, Feedback, Prediction


class Joined(msgspec.Struct, frozen=True):
    """A prediction with its outcome."""

    prediction: Prediction
    outcome: Any


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Every prediction is joined, waiting or conflicting; `probes` counts those that tested the service.

    `repeated` counts feedback with an outcome that was known, `superseded` feedback that later feedback corrects;
    `unknown` holds feedback whose prediction is not in this log, `conflicting` predictions with two outcomes, neither
    of which corrects the other.
    """

    joined: tuple[Joined, ...]
    waiting: tuple[Prediction, ...]
    conflicting: tuple[Prediction, ...]
    unknown: tuple[Feedback, ...]
    repeated: int
    superseded: int
    probes: int = 0

    def summary(self) -> dict[str, int]:
        """Count predictions and outcomes by how they were joined."""
        return {
            "predictions with one outcome": len(self.joined),
            "predictions without": len(self.waiting),
            "predictions with conflicting outcomes": len(self.conflicting),
            "outcomes of unknown predictions": len(self.unknown),
            "repeated outcomes": self.repeated,
            "corrected outcomes": self.superseded,
            "predictions of smoke tests": self.probes,
        }


class Settled(msgspec.Struct, frozen=True):
    """The feedback of one prediction: one outcome, or several that contradict each other.

    `repeated` counts feedback with an outcome that was known, `superseded` feedback that other feedback corrects.
    """

    outcomes: tuple[Any, ...]
    repeated: int
    superseded: int


def settle_outcomes(given: Mapping[str, Feedback]) -> Settled:
    """Settle the feedback of one prediction, by the identifier of each."""
    corrected = {each.supersedes for each in given.values()}
    valid = [each.outcome for name, each in given.items() if name not in corrected]
    # 1 and true are different outcomes, 1 and 1.0 the same.
    outcomes = {(isinstance(outcome, bool), outcome): outcome for outcome in valid}
    return Settled(tuple(outcomes.values()), len(valid) - len(outcomes), len(given) - len(valid))


def join_outcomes(entries: Iterable[Entry]) -> Outcomes:
    """Join feedback with predictions by identifier, in whatever order they were written; shadows are left out."""
    predictions: dict[str, Prediction] = {}
    probes: set[str] = set()
    feedback: dict[str, dict[str, Feedback]] = {}
    for entry in entries:
        if isinstance(entry, Prediction) and entry.probe:
            probes.add(entry.id)
        elif isinstance(entry, Prediction):
            predictions[entry.id] = entry
        elif isinstance(entry, Feedback):
            feedback.setdefault(entry.prediction_id, {})[entry.id] = entry
    joined, waiting, conflicting = [], [], []
    repeated = superseded = 0
    for identifier, prediction in predictions.items():
        settled = settle_outcomes(feedback.pop(identifier, {}))
        superseded += settled.superseded
        repeated += settled.repeated
        match settled.outcomes:
            case ():
                waiting.append(prediction)
            case (outcome,):
                joined.append(Joined(prediction, outcome))
            case _:
                conflicting.append(prediction)
    return Outcomes(
        joined=tuple(joined),
        waiting=tuple(waiting),
        conflicting=tuple(conflicting),
        unknown=tuple(each for group in feedback.values() for each in group.values()),
        repeated=repeated,
        superseded=superseded,
        probes=len(probes),
    )
