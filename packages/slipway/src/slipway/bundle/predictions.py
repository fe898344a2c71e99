"""The names of a prediction's parts, by task: the columns of a table and the keys of a JSON document."""

from typing import Any

from numpy.typing import NDArray

from slipway.bundle.manifest import Manifest
from slipway.problem import Task

SCORE, SCORES, LABEL = "score", "scores", "label"


def score_columns(manifest: Manifest) -> tuple[str, ...]:
    """Name the columns of scores: one for each class of a multiclass task, else one."""
    if manifest.task is Task.MULTICLASS:
        return tuple(f"{SCORE}_{name}" for name in manifest.classes)
    return (SCORE,)


def prediction_columns(manifest: Manifest) -> tuple[str, ...]:
    """Name the columns of a prediction: its scores, and its label where there are classes."""
    return (*score_columns(manifest), LABEL) if manifest.classes else score_columns(manifest)


def prediction_keys(manifest: Manifest) -> tuple[str, ...]:
    """Name the keys of a prediction, of which `scores` holds a score for each class of a multiclass task."""
    score = SCORES if manifest.task is Task.MULTICLASS else SCORE
    return (score, LABEL) if manifest.classes else (score,)


def describe_prediction(manifest: Manifest, score: Any, label: Any) -> dict[str, Any]:
    """Return one prediction as the service writes it: its score, or one for each class, and the label of classes."""
    if manifest.task is Task.MULTICLASS:
        score = dict(zip(map(class_text, manifest.classes), score, strict=True))
    return dict(zip(prediction_keys(manifest), (score, label), strict=False))


def class_text(name: Any) -> str:
    """Write a class as text: true, not True."""
    return str(name).lower() if isinstance(name, bool) else str(name)


def split_scores(scores: NDArray[Any]) -> list[NDArray[Any]]:
    """Split scores into the columns that `score_columns` names."""
    return [*scores.T] if scores.ndim == 2 else [scores]
