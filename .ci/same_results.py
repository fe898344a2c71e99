"""Compare a run with what is committed: inputs and parameters exactly, metrics within a tolerance.

    python .ci/same_results.py FOLDER      # a clone in which `dvc repro` has run

Hashes of outputs are not compared: on another kind of processor the last digits of scores may differ.
"""

import json
import subprocess
import sys
from pathlib import Path

import yaml

TOLERANCE = 1e-3
INPUTS = ("data", "pipeline/", "src/")


def main(folder: Path) -> None:
    """Exit with a sentence for each difference, or with 0."""
    lock, metrics = committed(folder, "dvc.lock"), committed(folder, "metrics.json")
    before, after = (inputs(yaml.safe_load(text)) for text in (lock, (folder / "dvc.lock").read_text()))
    differ = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    wrong = [f"dvc.lock: {name} is not as committed" for name in differ]
    old, new = (numbers(json.loads(text)) for text in (metrics, (folder / "metrics.json").read_text()))
    moved = [name for name in sorted(old.keys() | new.keys()) if not same(old.get(name), new.get(name))]
    wrong += [f"metrics.json: {name} is {new.get(name)}, committed {old.get(name)}" for name in moved]
    if wrong:
        sys.exit("\n".join([*wrong, "Run make repro and commit dvc.lock and metrics.json."]))


def same(old: float | None, new: float | None) -> bool:
    """Whether both are there and agree within the tolerance, relative to figures above 1."""
    return old is not None and new is not None and abs(old - new) <= TOLERANCE * max(1, abs(old))


def committed(folder: Path, name: str) -> str:
    """The content of a file in the last commit."""
    done = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def inputs(lock: dict) -> dict:
    """What each stage read that no stage made."""
    found = {}
    for stage, entry in lock["stages"].items():
        found[f"{stage}, params"] = entry.get("params")
        for dep in entry.get("deps", []):
            if dep["path"].startswith(INPUTS):
                found[f"{stage}, {dep['path']}"] = dep["md5"]
    return found


def numbers(metrics: dict) -> dict[str, float]:
    """The figures at the top of metrics.json."""
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
