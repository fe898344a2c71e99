"""Score rows and keep what a metric needs: outcomes, scores and the group of each row."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from slipway.bundle.manifest import Class, Manifest
from slipway.columns import Columns, frame_to_columns
from slipway.contract import Field
from slipway.errors import BundleError, DataError
from slipway.problem import Problem, ProblemFacts, Task

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]


class Scored(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Scored rows.

    `target` holds positions in `classes`, or values for a regression; `scores` has shape (rows,), or (rows,
    classes) for a multiclass task; `group` is the position of each row's group among all `groups` (sorted by
    name).
    """

    task: Task
    target: NDArray[Any]
    scores: Vector
    group: NDArray[np.intp]
    groups: int
    classes: tuple[Class, ...] = ()
    threshold: float | None = None


class ScoringBundle(Protocol):
    """A bundle that scores: one that is loaded here, or one whose code runs in a process of its own."""

    path: Path
    manifest: Manifest
    fields: tuple[Field, ...]

    def score(self, columns: Columns) -> Vector:
        """Score the contract's columns."""
        ...


def verify_bundle_problem(bundle: ScoringBundle, problem: Problem | ProblemFacts) -> None:
    """Raise `BundleError` unless the bundle belongs to `problem` and its task."""
    found = bundle.manifest
    if (found.problem, found.task) != (problem.name, problem.task):
        raise BundleError(
            f"The bundle {bundle.path} belongs to the {found.task} problem {found.problem!r}, expected the "
            f"{problem.task} problem {problem.name!r}. Run `dvc repro train` to make the bundle of this problem."
        )


def score_frame(bundle: ScoringBundle, frame: "pd.DataFrame") -> Scored:
    """Score prepared rows: the contract's columns, `target` and `group`.

    Raises `DataError` for a column, target or group that is missing or unknown, `BundleError` for a score that is not
    finite.
    """
    import pandas as pd

    needed = [*(field.name for field in bundle.fields), "target", "group"]
    if missing := [name for name in needed if name not in frame]:
        raise DataError(
            f"The prepared rows have no column {', '.join(missing)}, which the bundle {bundle.path} needs: they were "
            "made with another contract. Run `dvc repro` to update both."
        )
    scores = bundle.score(frame_to_columns(bundle.fields, frame))
    if broken := int(np.count_nonzero(~np.isfinite(scores).reshape(len(frame), -1).all(axis=1))):
        raise BundleError(
            f"The bundle {bundle.path} gives no finite score for {broken:,} of {len(frame):,} rows. "
            "Look for a division by zero in features.py, or an input that the model does not accept; train again."
        )
    group, names = pd.factorize(frame["group"], sort=True)
    if (group < 0).any():
        raise DataError(f"{int((group < 0).sum()):,} prepared rows have no group. Run `dvc repro prepare`.")
    manifest = bundle.manifest
    return Scored(
        task=manifest.task,
        target=encode_target(manifest.task, manifest.classes, frame["target"]),
        scores=scores,
        group=group,
        groups=len(names),
        classes=manifest.classes,
        threshold=manifest.threshold,
    )


def encode_target(task: Task, classes: tuple[Class, ...], target: "pd.Series") -> NDArray[Any]:
    """Turn a target into positions in `classes`, or into float64 for a regression; raises `DataError`."""
    if task is Task.REGRESSION:
        values = np.asarray(target.to_numpy(dtype="float64", na_value=np.nan))
        if not np.isfinite(values).all():
            raise DataError(
                f"The target has {int((~np.isfinite(values)).sum()):,} values that are missing or infinite."
            )
        return values
    positions = {name: position for position, name in enumerate(classes)}
    codes = np.array([positions.get(value, -1) for value in target.tolist()], dtype=np.intp)
    if (codes < 0).any():
        unknown = target.tolist()[int(np.argmax(codes < 0))]
        raise DataError(
            f"The target has {int((codes < 0).sum()):,} rows with a class that the model does not know, for "
            f"instance {unknown!r}; it was trained on {', '.join(map(repr, classes))}. Merge a class this "
            "rare into another in dataset.py, or change the split so that the training set has it."
        )
    return codes


def constant_baseline(scored: Scored, reference: NDArray[Any]) -> Scored:
    """Score the same rows by the trivial baseline: always the base rate, the class shares or the mean.

    `reference` is the training set's target as `encode_target` gives it.
    """
    if scored.task is Task.MULTICLASS:
        shares = np.bincount(reference, minlength=len(scored.classes)) / len(reference)
        return msgspec.structs.replace(scored, scores=np.tile(shares, (len(scored.target), 1)))
    return msgspec.structs.replace(scored, scores=np.full(len(scored.target), float(np.mean(reference))))


def take_scored(scored: Scored, rows: NDArray[Any]) -> Scored:
    """Take some of the rows (a mask or positions); `groups` stays the number of all groups."""
    return msgspec.structs.replace(
        scored, target=scored.target[rows], scores=scored.scores[rows], group=scored.group[rows]
    )


def restrict_rows(scored: Scored, rows: NDArray[np.intp]) -> Scored:
    """Take some of the rows; `groups` becomes the number of groups that have any."""
    inside = take_scored(scored, rows)
    present, group = np.unique(inside.group, return_inverse=True)
    return msgspec.structs.replace(inside, group=group, groups=len(present))


def predicted_classes(scored: Scored) -> NDArray[np.intp]:
    """Return the predicted class of each row, as a position in `classes`."""
    if scored.threshold is not None:
        return (scored.scores >= scored.threshold).astype(np.intp)
    return scored.scores.argmax(axis=1)
