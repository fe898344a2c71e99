"""Collect what a run holds beside the model: parameters, metrics, files, and where they come from."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import TrackingError
from slipway.evaluation.result import Evaluation, flatten_evaluation, read_evaluation
from slipway.files.documents import read_yaml
from slipway.git import Git

# DVC writes this stage's entry after the stage has read the file, so a hash with it would match no commit.
_STAGE = "register"
# MLflow accepts names of 250 characters, and a name here has three parts.
_LONGEST_PART = 80
# Below what MLflow accepts of a parameter, 250 and 6,000, so that equal names can be told apart.
_LONGEST_NAME, _LONGEST_VALUE = 240, 6_000


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The commit, data and lock file that a bundle was made from.

    `data_path` and `data_md5` are those of `data.dvc`; `lock_sha256` stands for `dvc.lock` (see `hash_lock`);
    `commit` and `dirty` (the working tree differs from the commit) are None outside a git repository.
    """

    data_path: str
    data_md5: str
    lock_sha256: str
    commit: str | None
    dirty: bool | None


class Dataset(msgspec.Struct, frozen=True):
    """One part of the prepared data: its use, its file and the file's md5."""

    context: str
    path: Path
    md5: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is registered with a bundle; `files` are files and folders."""

    params: dict[str, str]
    metrics: dict[str, float]
    files: tuple[Path, ...]
    datasets: tuple[Dataset, ...]
    lineage: Lineage


def read_evidence(root: Path = Path()) -> Evidence:
    """Collect what the earlier stages have written in `root`.

    Raises `TrackingError` that names what is missing, `DataError` for metrics that cannot be read.
    """
    files = tuple(root / name for name in ("model_card.md", "metrics.json", "plots", "dvc.lock"))
    for path in files:
        if not path.exists():
            raise TrackingError(f"Cannot find {path}, which belongs to the run. Run `dvc repro`.")
    params = read_yaml(root / "params.yaml", dict[str, Any], TrackingError, "Bring it back from git.")
    # What a search would try made no model.
    params.pop("search", None)
    return Evidence(
        params=flatten_params(params),
        metrics=flatten_metrics(read_evaluation(root / "metrics.json")),
        files=files,
        datasets=(
            _dataset("training", root / "prepared" / "train.parquet"),
            _dataset("holdout", root / "prepared" / "holdout.parquet"),
        ),
        lineage=read_lineage(root),
    )


def read_lineage(root: Path) -> Lineage:
    """Read the lineage of the repository in `root`; raises `TrackingError` where DVC's files lack it."""
    tracked = read_yaml(root / "data.dvc", dict[str, Any], TrackingError, "`dvc add data` writes it.")
    try:
        data_path, data_md5 = (str(tracked["outs"][0][key]) for key in ("path", "md5"))
    except (KeyError, IndexError, TypeError) as error:
        raise TrackingError(
            f"Malformed {root / 'data.dvc'}: expected path and md5 of the data, by which a model is traced to it. Run "
            "`dvc add data`."
        ) from error
    git = Git(root, TrackingError)
    commit, changed = git.read_working_tree() if git.is_repository() else (None, [])
    return Lineage(
        data_path=data_path,
        data_md5=data_md5,
        lock_sha256=hash_lock(root / "dvc.lock"),
        commit=commit,
        dirty=bool(changed) if commit else None,
    )


def hash_lock(path: Path) -> str:
    """Return the sha256 of all stages in `dvc.lock` but register, as JSON with sorted keys."""
    lock = read_yaml(path, dict[str, Any], TrackingError, "`dvc repro` writes it.")
    stages = {name: entry for name, entry in lock.get("stages", {}).items() if name != _STAGE}
    return hashlib.sha256(msgspec.json.encode(stages, order="sorted")).hexdigest()


def flatten_params(tree: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested parameters as MLflow keeps them: `split.salt`, every value as text.

    Characters that MLflow does not accept in a name become `_`; what is too long is cut, and told apart by a hash.
    """
    params: dict[str, str] = {}
    for path, value in _leaves(tree):
        key = _shorten(".".join(map(_clean, path)), _LONGEST_NAME)
        while key in params:
            key += "_"
        params[key] = _shorten(str(value), _LONGEST_VALUE)
    return params


def flatten_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Flatten every figure of the whole holdout, and the values of each slice as `<slice>/<label>/<metric>`.

    Characters that MLflow does not accept in a name become `_`.
    """
    metrics = flatten_evaluation(evaluation)
    for part in evaluation.slices:
        for name, value in [("rows", float(part.rows)), *((each.name, each.value) for each in part.metrics)]:
            key = "/".join(map(_clean, (part.slice, part.label, name)))
            while key in metrics:
                key += "_"
            metrics[key] = value
    return metrics


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path, tree


def _clean(part: str) -> str:
    """Return a part of a name that MLflow accepts: neither empty nor dots only (another folder), and not too long."""
    cleaned = _shorten(re.sub(r"[^\w\-. :]", "_", part), _LONGEST_PART, part)
    return cleaned if cleaned.strip(".") else "_" * max(1, len(cleaned))


def _shorten(text: str, most: int, whole: str = "") -> str:
    """Return at most `most` characters of `text`, the last of them from the hash of `whole` where it is longer."""
    if len(text) <= most:
        return text
    return text[: most - 9] + "." + hashlib.sha256((whole or text).encode()).hexdigest()[:8]


def _dataset(context: str, path: Path) -> Dataset:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TrackingError(f"Cannot find {path}. Run `dvc repro prepare` to make it.") from error
    return Dataset(context, path, hashlib.md5(content, usedforsecurity=False).hexdigest())
