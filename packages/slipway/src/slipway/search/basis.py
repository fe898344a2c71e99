"""The basis of a study: what its scores depend on, so that only scores of one basis are compared."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import DataError
from slipway.files.documents import convert_document, read_content, read_yaml
from slipway.files.yaml_values import put_value
from slipway.params import Params, SplitParams
from slipway.problem import Problem
from slipway.search.space import Parameter, read_search

_TRAIN = "prepared/train.parquet"
_REPEAT = "Run `dvc repro prepare`."


def read_basis(root: Path, problem: Problem, params: Params, space: tuple[Parameter, ...]) -> dict[str, str]:
    """Return a digest of each part of the basis, by the words that name it; raises `DataError` for outdated rows."""
    search = read_search(params)
    fixed = {name: msgspec.to_builtins(getattr(params, name)) for name in ("split", "train", "model")}
    for parameter in space:
        # These may have changed since: the winner was written.
        put_value(fixed, parameter.name, None)
    return {
        "rows in prepared/train.parquet": verify_training_rows(root, params.split),
        "search.space": _hash_value(search.space),
        "search.folds": str(search.folds),
        "primary metric": problem.metric,
        "parameters in params.yaml": _hash_value(fixed),
        "code of the problem": _hash_code(Path(inspect.getfile(problem.contract)).parent),
    }


def verify_training_rows(root: Path, now: SplitParams) -> str:
    """Return the md5 of the training set; raises `DataError` unless the split `now` made it, by `dvc.lock`.

    A training set that another split made holds rows that are in the holdout now.
    """
    lock = read_yaml(root / "dvc.lock", dict[str, Any], DataError, _REPEAT)
    stage = lock.get("stages", {}).get("prepare", {})
    made = {out.get("path"): out.get("md5") for out in stage.get("outs", ())}
    split = stage.get("params", {}).get("params.yaml", {}).get("split", {})
    md5 = hashlib.md5(read_content(root / _TRAIN, DataError, _REPEAT), usedforsecurity=False).hexdigest()
    if md5 != made.get(_TRAIN):
        raise DataError(f"{_TRAIN} has the md5 {md5}, expected {made.get(_TRAIN)} by dvc.lock. {_REPEAT}")
    if convert_document(split, SplitParams, "dvc.lock", DataError, _REPEAT, section="split") != now:
        raise DataError(
            f"{_TRAIN} may hold rows of the holdout: it was made with the split {split}, params.yaml has another. "
            f"{_REPEAT}"
        )
    return md5


def _hash_value(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _hash_code(package: Path) -> str:
    files = sorted(package.rglob("*.py"))
    return _hash_value([(str(path.relative_to(package)), path.read_text()) for path in files])
