"""The manifest: the description of a bundle and the hashes of its files; its own hash identifies the model."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import BundleError
from slipway.files.documents import parse_json
from slipway.problem import Task

FORMAT = 3
# Every format that was ever released can be read. Format 1 had neither `outcome` nor `scale`, and certificates that did
# not tell kinds of rows apart; the profiles of formats 1 and 2 had no blocks.
_READABLE = (1, 2, FORMAT)
MANIFEST = "manifest.json"
# The largest difference between two computations of one score that counts as the same, relative to scores above
# the manifest's scale.
TOLERANCE = 1e-5
# Training rows to certify parity on: all, or an even spread that takes seconds with the slowest of the usual ensembles.
CERTIFIED_ROWS = 1 << 16
Class = bool | int | str


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of the model's tensor; `vocabulary` is set where the column holds the codes of categories."""

    name: str
    vocabulary: tuple[str, ...] | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The description of a bundle.

    `contract` and `features` name the struct and the function in the files that travel with the model; `inputs` are
    the columns of the model's one float32 tensor in order; `classes` the meaning of the score columns (empty for a
    regression); `outcome` what a score is the probability of, or the value that a regression predicts, in words (empty
    where the problem has none); `scale` the size up to which differences of scores are relative to it: 1, or the spread
    of a regression's target; `threshold` the binary score from which a row is labelled with the last class;
    `batch_floor` the fewest rows to run at once so that a row scores the same alone as among others; `files` the sha256
    of every other file.
    """

    format: int = FORMAT
    problem: str
    task: Task
    contract: str
    features: str | None
    inputs: tuple[Input, ...]
    classes: tuple[Class, ...] = ()
    outcome: str = ""
    scale: Annotated[float, Meta(gt=0)] = 1.0
    threshold: Annotated[float, Meta(gt=0, lt=1)] | None = None
    batch_floor: Annotated[int, Meta(ge=1)] = 1
    files: dict[str, str]

    def __post_init__(self) -> None:
        """Raise `ValueError` unless classes and threshold fit the task; msgspec reports it."""
        fits = {
            Task.BINARY: len(self.classes) == 2 and self.threshold is not None,
            Task.MULTICLASS: len(self.classes) >= 2 and self.threshold is None,
            Task.REGRESSION: not self.classes and self.threshold is None,
        }
        if not fits[self.task]:
            raise ValueError(
                f"a {self.task} task cannot have the classes {self.classes} and the threshold {self.threshold}"
            )


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parity of the ONNX model with the estimator it was made from.

    Over `rows` rows the scores differ by `largest_difference` at most (relative to the manifest's `scale` and to scores
    above it); `label_flips` counts rows whose label changed although their score is further than `TOLERANCE` from where
    labels change. Of the rows, `training` are of the training set, `thresholds` lie on the trees' thresholds or one
    float32 step beside, `extremes` were made with missing and unseen values and at the contract's bounds; all three are
    0 in a certificate of format 1, which was over the holdout.
    """

    rows: int
    training: int = 0
    thresholds: int = 0
    extremes: int = 0
    largest_difference: float
    label_flips: int

    @property
    def passed(self) -> bool:
        """Return whether a bundle may be sealed with the model."""
        return self.rows > 0 and self.largest_difference <= TOLERANCE and self.label_flips == 0


class GoldenRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as a client sends it and the score that the original estimator gave: a number, or one per class."""

    row: dict[str, Any]
    score: float | tuple[float, ...]


class _Version(msgspec.Struct, frozen=True):
    format: int


def manifest_digest(manifest: bytes) -> str:
    """Compute the digest that identifies a bundle: sha256 of its manifest, as 64 hexadecimal digits."""
    return hashlib.sha256(manifest).hexdigest()


def decode_manifest(content: bytes, path: Path) -> Manifest:
    """Decode a manifest strictly; errors name `path`."""
    readable = " or ".join([", ".join(map(str, _READABLE[:-1])), str(FORMAT)])
    advice = f"Expected a manifest of format {readable}. Train the model again."
    version = parse_json(content, _Version, str(path), BundleError, advice).format
    if version not in _READABLE:
        raise BundleError(
            f"{path}: expected format {readable}, found format {version}. Install the version of slipway that sealed "
            "it, or train the model again."
        )
    return parse_json(content, Manifest, str(path), BundleError, advice)
