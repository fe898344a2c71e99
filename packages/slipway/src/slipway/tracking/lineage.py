"""Read where a bundle comes from: the commit, the data and the lock file it was made with."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import TrackingError
from slipway.files.documents import read_yaml
from slipway.git import Git

# DVC writes this stage's entry after the stage has read the file, so a hash with it would match no commit.
_STAGE = "register"


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
    commit = git.resolve("HEAD") if git.is_repository() else None
    return Lineage(
        data_path=data_path,
        data_md5=data_md5,
        lock_sha256=hash_lock(root / "dvc.lock"),
        commit=commit,
        dirty=bool(git.run("status", "--porcelain")) if commit else None,
    )


def hash_lock(path: Path) -> str:
    """Return the sha256 of all stages in `dvc.lock` but register, as JSON with sorted keys."""
    lock = read_yaml(path, dict[str, Any], TrackingError, "`dvc repro` writes it.")
    stages = {name: entry for name, entry in lock.get("stages", {}).items() if name != _STAGE}
    return hashlib.sha256(msgspec.json.encode(stages, order="sorted")).hexdigest()
