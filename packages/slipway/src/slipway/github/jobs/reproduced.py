"""Compare a run of the pipeline with the commit: inputs and parameters exactly, metrics within a tolerance.

Hashes of outputs are not compared: on another kind of processor the last digits of scores may differ.
"""

from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.files.documents import parse_json, parse_yaml, read_content
from slipway.git import Git

# Relative for figures above 1; retrains on one processor agree to the last digit.
TOLERANCE = 1e-3
_RUN = "Run `dvc repro` there first."


def compare_with_commit(folder: Path) -> list[str]:
    """Return a sentence for each difference between the run in `folder` and its last commit."""
    before, after = map(_inputs, _versions(folder, "dvc.lock"))
    names = sorted(before.keys() | after.keys())
    wrong = [f"dvc.lock: {name} is not as committed" for name in names if before.get(name) != after.get(name)]
    old, new = map(_figures, _versions(folder, "metrics.json"))
    wrong += [
        f"metrics.json: {name} is {new.get(name)}, committed {old.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if not _same(old.get(name), new.get(name))
    ]
    return wrong


def _same(old: float | None, new: float | None) -> bool:
    return old is not None and new is not None and abs(old - new) <= TOLERANCE * max(1, abs(old))


def _versions(folder: Path, name: str) -> tuple[bytes, bytes]:
    """Return the file as it is committed, and as the run left it."""
    done = Git(folder, GitHubError).attempt("cat-file", "blob", f"HEAD:./{name}")
    if done.exit_code:
        raise GitHubError(f"{name} is not committed in {folder}. Run `make repro`, and commit it.")
    return done.output, read_content(folder / name, GitHubError, _RUN)


def _inputs(lock: bytes) -> dict[str, Any]:
    """Return the command, parameters and external inputs of each stage."""
    stages = parse_yaml(lock, dict[str, Any], "dvc.lock", GitHubError, _RUN)["stages"]
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
    found = parse_json(metrics, dict[str, Any], "metrics.json", GitHubError, _RUN)
    return {name: value for name, value in found.items() if isinstance(value, int | float)}
