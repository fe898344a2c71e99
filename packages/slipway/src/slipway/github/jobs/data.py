"""Pull the data of a job with DVC, and explain a failure by what is missing."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from slipway.errors import DataError

_FORK = (
    "Expected: a run that may read it; found: a pull request from a fork, whose runs GitHub gives no identity to show. "
    "The change itself was not judged. Review it and, with the right to push to this repository, push its branch here: "
    "that run may read it."
)
_ROLE = (
    "In a workflow set the variables SLIPWAY_DATA_ROLE and SLIPWAY_DATA_REGION (docs/github-setup.md, Data in a "
    "bucket); by hand run `uv sync --group bucket` and log in at AWS."
)
_OTHER = (
    "Expected: what DVC needs for this kind of remote, and the right to read it. The workflows bring both for s3:// "
    "only; docs/github-setup.md, Data in a bucket, says what to change for others."
)
_FOLDER = "Run `dvc push data.dvc` where the data are; if the remote lies in the repository, commit what is new in it."


def pull_data(root: Path, say: Callable[[str], None], *, fork: bool = False) -> None:
    """Pull what data.dvc names; DVC's output goes to `say`. `fork`: this run is for the pull request of a fork.

    Raises `DataError`, in one line.
    """
    done = _dvc(root, "pull", "data.dvc")
    say(done.stdout.strip())
    if done.returncode:
        name = _setting(root, "core.remote")
        url = _setting(root, f"remote.{name}.url") if name else ""
        raise DataError(
            f"The data that data.dvc names cannot be fetched from {url or 'the default remote: there is none'}. "
            f"{_advice(url, fork)} DVC's own words: {_complaint(done.stdout)}"
        )


def _advice(url: str, fork: bool) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator:
        return _FOLDER
    if fork:
        return _FORK
    if scheme != "s3":
        return _OTHER
    found = "credentials that do not open it, or none" if find_spec("dvc_s3") else "no dvc-s3"
    return f"Expected: the package dvc-s3, and credentials that may read the bucket; found: {found}. {_ROLE}"


def _complaint(words: str) -> str:
    """Return DVC's first error, else its last line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:] or ["none"])[0]


def _setting(root: Path, name: str) -> str:
    done = _dvc(root, "config", name)
    return "" if done.returncode else done.stdout.strip()


def _dvc(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
