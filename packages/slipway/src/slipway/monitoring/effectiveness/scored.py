"""Turn the labelled rows of a window into what the evaluation's metrics take: scored rows in groups."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from slipway.bundle.manifest import Manifest
from slipway.evaluation.scored import Scored, Vector
from slipway.monitoring.intake.traffic import Traffic
from slipway.problem import Task

if TYPE_CHECKING:
    import pandas as pd


def score_window(traffic: Traffic, manifest: Manifest) -> Scored:
    """Return the labelled rows; the rows of a day of the clock are a group."""
    labelled = traffic.take(traffic.labelled)
    days, group = np.unique(labelled.days(), return_inverse=True)
    return Scored(
        task=manifest.task,
        target=labelled.target,
        scores=labelled.scores,
        group=group,
        groups=len(days),
        classes=manifest.classes,
        threshold=manifest.threshold,
    )


def predict_baseline(scored: Scored, baseline: Vector | None) -> Scored:
    """Score the same rows by the trivial baseline; without one by the base rate or mean of these very rows."""
    if baseline is None:
        baseline = _own_shares(scored)
    rows = len(scored.target)
    constant = np.tile(baseline, (rows, 1)) if scored.task is Task.MULTICLASS else np.full(rows, float(baseline[0]))
    return msgspec.structs.replace(scored, scores=constant)


def labelled_frame(traffic: Traffic, manifest: Manifest) -> "pd.DataFrame":
    """Return the labelled rows as the problem's slices read them: the contract's columns and the target."""
    import pandas as pd

    labelled = traffic.take(traffic.labelled)
    frame = pd.DataFrame({name: pd.Series(values) for name, values in labelled.columns.items()})
    classes = np.array(manifest.classes) if manifest.classes else None
    return frame.assign(target=labelled.target if classes is None else classes[labelled.target])


def _own_shares(scored: Scored) -> Vector:
    if scored.task is Task.MULTICLASS:
        return np.bincount(scored.target, minlength=len(scored.classes)) / max(1, len(scored.target))
    return np.array([scored.target.mean() if len(scored.target) else 0.0])
