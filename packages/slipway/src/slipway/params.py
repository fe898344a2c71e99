"""Read `params.yaml` into strict types: an unknown or mistyped key is an error that names it."""

import math
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError
from slipway.files.documents import convert_document, read_yaml

_ADVICE = "Fix the file, or the -S option that changed it."

Share = Annotated[float, Meta(gt=0, lt=1)]
# The most that numpy and scikit-learn accept.
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of a file that a person edits: an unknown key is an error."""


class SplitBy(StrEnum):
    """The property that puts a row into the training set or the holdout: its group, its time, or both."""

    GROUP = "group"
    TIME = "time"
    BOTH = "both"


class SplitParams(Strict, frozen=True, omit_defaults=True):
    """Settings of the split.

    By `group`, groups are held out whose salted hash is below the share `holdout`. By `time`, the rows from the day
    `from` on (UTC), or without it the newest share `holdout` of the rows in whole days. By `both`, the rows of such
    groups from such a day on. Rows of the last `gap_days` days before the held-out ones are in neither part.
    """

    salt: str
    holdout: Share | None = None
    by: SplitBy = SplitBy.GROUP
    from_day: date | None = msgspec.field(default=None, name="from")
    gap_days: Annotated[int, Meta(ge=0, le=3_650)] = 0


class TrainParams(Strict, frozen=True):
    """Settings of training: `seed` of the estimator, `threshold` from which a binary score is labelled positive."""

    seed: Seed
    threshold: Share = 0.5


class EvaluateParams(Strict, frozen=True):
    """Settings of intervals: `resamples` of whole groups, at the level `confidence`.

    `hash_groups` lets the evaluation record name groups by a hash, for groups whose names are personal.
    """

    resamples: Annotated[int, Meta(ge=100, le=100_000)]
    confidence: Annotated[float, Meta(ge=0.5, lt=1)]
    seed: Seed
    hash_groups: bool = False


class SearchValues(Strict, frozen=True):
    """The values that a search tries for one parameter: from `low` to `high`, or one of `choices`.

    `log` spreads them evenly over orders of magnitude, `step` keeps a distance between them.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: tuple[bool | int | float | str | None, ...] | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` unless it is a range of more than one number, or two or more choices."""
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log or self.step is not None:
                raise ValueError("expected choices alone, or low and high, found both")
            if len(set(map(repr, self.choices))) < max(2, len(self.choices)):
                raise ValueError(f"choices: expected two or more different values, found {list(self.choices)}")
            return
        if self.low is None or self.high is None:
            raise ValueError("expected low and high, or choices")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low: expected a number below high, found {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(f"log: expected a low above 0 and no step, found {self.low} and step {self.step}")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise ValueError(f"step: expected one above 0 and within low and high, found {self.step}")


class SearchParams(Strict, frozen=True):
    """Settings of `slipway search`: `space` has `SearchValues` by parameter, such as `model.kind`.

    `folds` are those of the cross-validation, `seed` that of the sampler. No stage of the pipeline depends on them.
    """

    space: Annotated[dict[str, Any], Meta(min_length=1)]
    folds: Annotated[int, Meta(ge=2, le=20)] = 5
    seed: Seed = 7


class Params(Strict, frozen=True):
    """The whole of `params.yaml`; `model` is typed by the problem."""

    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    model: Any
    search: SearchParams | None = None


def read_params(model: type[msgspec.Struct] | None, path: Path = Path("params.yaml")) -> Params:
    """Read `path`, and its section `model` as the problem's own struct; as it is for None."""
    params = read_yaml(path, Params, SettingsError, _ADVICE, "Run this from the root of the repository.")
    _verify_split(params.split, path.name)
    if params.search:
        params = msgspec.structs.replace(params, search=_type_space(params.search, path.name))
    if model is None:
        return params
    typed = convert_document(params.model, model, path.name, SettingsError, _ADVICE, section="model")
    return msgspec.structs.replace(params, model=typed)


def _verify_split(split: SplitParams, where: str) -> None:
    """Raise `SettingsError` for keys that the kind of split lacks, or does not read."""
    wrong = ""
    if split.by is not SplitBy.TIME and split.holdout is None:
        wrong = f"split.holdout is missing: by {split.by}, it is the share of the groups that is held out"
    elif split.by is SplitBy.TIME and (split.holdout is None) == (split.from_day is None):
        found = "neither" if split.holdout is None else "both"
        wrong = f"split.by: time takes `from` (a day) or `holdout` (the newest share), found {found}"
    elif split.by is SplitBy.GROUP and (split.from_day or split.gap_days):
        key = "from" if split.from_day else "gap_days"
        wrong = f"split.{key} belongs to a split by time, found split.by: group"
    if wrong:
        raise SettingsError(f"{where}: {wrong}. {_ADVICE}")


def _type_space(search: SearchParams, where: str) -> SearchParams:
    """Type the values of each parameter, one by one: the path of an error has no keys of a dict."""
    typed = {}
    for name, values in search.space.items():
        section = f"search.space.{name}"
        typed[name] = convert_document(values, SearchValues, where, SettingsError, _ADVICE, section=section)
    return msgspec.structs.replace(search, space=typed)
