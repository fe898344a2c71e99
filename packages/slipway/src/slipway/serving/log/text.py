"""Write an entry of the log as one line for people."""

from typing import Any

import msgspec

from slipway.serving.log.join import Outcomes
from slipway.serving.log.record import Feedback, Prediction

_SHORT = 36


def format_entry(entry: Prediction | Feedback) -> str:
    """Return time, kind and identifier, then score and label or the outcome."""
    if isinstance(entry, Feedback):
        words = f"outcome {_plain(entry.outcome)}" + (f" (from {entry.source})" if entry.source else "")
        return f"{entry.time:%Y-%m-%d %H:%M:%S} feedback   {entry.prediction_id:<{_SHORT}} {words}"
    label = "" if entry.label is None else f" -> {_plain(entry.label)}"
    inputs = "" if entry.inputs is None else f"  {msgspec.json.encode(entry.inputs).decode()}"
    return (
        f"{entry.time:%Y-%m-%d %H:%M:%S} prediction {entry.id:<{_SHORT}} {_score(entry.score)}{label} "
        f"({entry.latency_us} us, {entry.model[:12]}){inputs}"
    )


def summarize_outcomes(found: Outcomes) -> dict[str, int]:
    """Count predictions and outcomes by how they were joined."""
    return {
        "predictions with one outcome": len(found.joined),
        "predictions without": len(found.waiting),
        "predictions with conflicting outcomes": len(found.conflicting),
        "outcomes of unknown predictions": len(found.unknown),
        "repeated outcomes": found.repeated,
        "corrected outcomes": found.superseded,
    }


def _score(score: Any) -> str:
    return " ".join(f"{each:.4f}" for each in score) if isinstance(score, list) else f"{score:.4f}"


def _plain(value: Any) -> str:
    return msgspec.json.encode(value).decode()
