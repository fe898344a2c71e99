"""`params.yaml`, read once into strict types: an unknown or mistyped key is an error that names it."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import SettingsError

Share = Annotated[float, Meta(gt=0, lt=1)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class SplitParams(_Strict, frozen=True):
    """Which groups are held out: those whose salted hash falls below the share `holdout`."""

    salt: str
    holdout: Share


class TrainParams(_Strict, frozen=True):
    """`seed` of the estimator; `threshold` above which a binary score is labelled positive."""

    seed: Annotated[int, Meta(ge=0)]
    threshold: Share = 0.5


class EvaluateParams(_Strict, frozen=True):
    """How intervals are made: `resamples` of whole groups, at the level `confidence`."""

    resamples: Annotated[int, Meta(ge=100, le=100_000)]
    confidence: Annotated[float, Meta(ge=0.5, lt=1)]
    seed: Annotated[int, Meta(ge=0)]


class Params(_Strict, frozen=True):
    """The whole of `params.yaml`; `model` is typed by the problem."""

    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    model: Any


def read_params(model: type[msgspec.Struct], path: Path = Path("params.yaml")) -> Params:
    """Read `path`, with the section `model` as the problem's own struct."""
    import yaml

    try:
        plain = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise SettingsError(
            f"No {path.name} in {path.resolve().parent}. Run this from the root of the repository."
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name} is not valid YAML: {error}.") from error
    params = _convert(plain, Params, path)
    return msgspec.structs.replace(params, model=_convert(params.model, model, path, "model"))


def _convert(plain: Any, kind: type[Any], path: Path, section: str = "") -> Any:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$", f"`{section}").replace("`.", "`")
        where = f"{path.name}, section {section}" if section else path.name
        raise SettingsError(f"{where}: {text}. Mend the file, or the -S option that changed it.") from error
