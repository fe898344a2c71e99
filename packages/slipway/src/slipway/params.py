"""Read `params.yaml` into strict types: an unknown or mistyped key is an error that names it."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import convert_document, read_yaml

_ADVICE = "Fix the file, or the -S option that changed it."

Share = Annotated[float, Meta(gt=0, lt=1)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of a file that a person edits: an unknown key is an error."""


class SplitParams(Strict, frozen=True):
    """Settings of the split: groups are held out whose salted hash is below the share `holdout`."""

    salt: str
    holdout: Share


class TrainParams(Strict, frozen=True):
    """Settings of training: `seed` of the estimator, `threshold` from which a binary score is labelled positive."""

    seed: Annotated[int, Meta(ge=0)]
    threshold: Share = 0.5


class EvaluateParams(Strict, frozen=True):
    """Settings of intervals: `resamples` of whole groups, at the level `confidence`.

    `hash_groups` lets the evaluation record name groups by a hash, for groups whose names are personal.
    """

    resamples: Annotated[int, Meta(ge=100, le=100_000)]
    confidence: Annotated[float, Meta(ge=0.5, lt=1)]
    seed: Annotated[int, Meta(ge=0)]
    hash_groups: bool = False


class Params(Strict, frozen=True):
    """The whole of `params.yaml`; `model` is typed by the problem."""

    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    model: Any


def read_params(model: type[msgspec.Struct] | None, path: Path = Path("params.yaml")) -> Params:
    """Read `path`, and its section `model` as the problem's own struct; as it is for None."""
    params = read_yaml(path, Params, SettingsError, _ADVICE, "Run this from the root of the repository.")
    if model is None:
        return params
    typed = convert_document(params.model, model, path.name, SettingsError, _ADVICE, section="model")
    return msgspec.structs.replace(params, model=typed)
