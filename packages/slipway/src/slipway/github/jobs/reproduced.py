"""Compare a run of the pipeline with the commit: inputs and parameters exactly, metrics within a tolerance.

Hashes of outputs are not compared: on another kind of processor the last digits of scores may differ.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from slipway.errors import GitHubError
from slipway.git import Git

# Relative for figures above 1; retrains on one processor agree to the last digit.
TOLERANCE = 1e-3


def compare_with_commit(folder: Path) -> list[str]:
    """Return a sentence for each difference between the run in `folder` and its last commit."""
    before, after = _inputs(_committed(folder, "dvc.lock")), _inputs(_now(folder, "dvc.lock"))
    names = sorted(before.keys() | after.keys())
    wrong = [f"dvc.lock: {name} is not as committed" for name in names if before.get(name) != after.get(name)]
    old, new = _figures(_committed(folder, "metrics.json")), _figures(_now(folder, "metrics.json"))
    wrong += [
        f"metrics.json: {name} is {new.get(name)}, committed {old.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if not _same(old.get(name), new.get(name))
    ]
    return wrong


def _same(old: float | None, new: float | None) -> bool:
    return old is not None and new is not None and abs(old - new) <= TOLERANCE * max(1, abs(old))


def _committed(folder: Path, name: str) -> bytes:
    done = Git(folder, GitHubError).attempt("cat-file", "blob", f"HEAD:./{name}")
    if done.exit_code:
        raise GitHubError(f"{name} is not committed in {folder}. Run `make repro`, and commit it.")
    return done.output


def _now(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise GitHubError(f"There is no {name} in {folder}: run `dvc repro` there first.") from error


def _inputs(lock: bytes) -> dict[str, Any]:
    """Return the command, parameters and external inputs of each stage."""
    stages = yaml.safe_load(lock)["stages"]
    made = {out["path"] for entry in stages.values() for out in entry.get("outs", [])}
    found = {}
    for stage, entry in stages.items():
        found[f"{stage}, command"] = entry.get("cmd")
        found[f"{stage}, parameters"] = entry.get("params")
        for dep in entry.get("deps", []):
            if dep["path"] not in made:
                found[f"{stage}, {dep['path']}"] = dep["md5"]
    return found


def _figures(metrics: bytes) -> dict[str, float]:
    """Return the figures at the top level of metrics.json."""
    found = msgspec.json.decode(metrics, type=dict[str, Any])
    return {name: value for name, value in found.items() if isinstance(value, int | float)}
