"""Join predictions with their outcomes: feedback is accepted wherever it arrives, and judged here over all logs."""

from collections.abc import Iterable
from typing import Any

import msgspec

from slipway.serving.log.reader import Entry
from slipway.serving.log.record import Feedback, Prediction


class Joined(msgspec.Struct, frozen=True):
    """A prediction with its outcome."""

    prediction: Prediction
    outcome: Any


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Every prediction is joined, waiting or conflicting.

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


def join_outcomes(entries: Iterable[Entry]) -> Outcomes:
    """Join feedback with predictions by identifier, in whatever order they were written."""
    predictions: dict[str, Prediction] = {}
    feedback: dict[str, dict[str, Feedback]] = {}
    for entry in entries:
        if isinstance(entry, Prediction):
            predictions[entry.id] = entry
        else:
            feedback.setdefault(entry.prediction_id, {})[entry.id] = entry
    joined, waiting, conflicting = [], [], []
    repeated = superseded = 0
    for identifier, prediction in predictions.items():
        said = feedback.pop(identifier, {})
        valid = _valid(said)
        outcomes = {_comparable(each.outcome): each.outcome for each in valid}
        superseded += len(said) - len(valid)
        repeated += max(0, len(valid) - len(outcomes))
        if not outcomes:
            waiting.append(prediction)
        elif len(outcomes) == 1:
            joined.append(Joined(prediction, next(iter(outcomes.values()))))
        else:
            conflicting.append(prediction)
    unknown = tuple(each for group in feedback.values() for each in group.values())
    return Outcomes(
        joined=tuple(joined),
        waiting=tuple(waiting),
        conflicting=tuple(conflicting),
        unknown=unknown,
        repeated=repeated,
        superseded=superseded,
    )


def _valid(said: dict[str, Feedback]) -> list[Feedback]:
    """Return the feedback that no other corrects."""
    corrected = {each.supersedes for each in said.values()}
    return [each for name, each in said.items() if name not in corrected]


def _comparable(outcome: Any) -> Any:
    """Return a key by which 1 and true are different outcomes, 1 and 1.0 the same."""
    return (isinstance(outcome, bool), outcome)
