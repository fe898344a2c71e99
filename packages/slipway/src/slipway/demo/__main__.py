"""Run the pipeline in the workspace, deliver one model after another, print the results and what to type next."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import msgspec

from slipway.demo.chapters import play_story, read_story
from slipway.demo.screen import print_summary
from slipway.demo.workspace import WORKSPACE, open_workspace
from slipway.errors import SlipwayError
from slipway.settings import quiet_environment
from slipway.stage import TIMES, StageTime, print_progress

_USERS_STORE = {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"}
STAGES = ("validate", "prepare", "train", "evaluate", "register")


def main() -> None:
    """Run the demo; exit 1 with one paragraph if a step fails."""
    quiet_environment()
    started = time.time()
    try:
        print_progress(f"Workspace: {WORKSPACE}/ (a clone; your files, lock file and MLflow store are not changed)")
        folder = open_workspace(Path.cwd())
        before = len(_times(folder))
        _run(folder, "Data: dvc pull from the remote inside the repository", "pull", "data.dvc")
        _run(folder, "Pipeline: " + " -> ".join(STAGES), "repro", "--quiet")
        ran = {entry.stage: entry for entry in _times(folder)[before:]}
        if story := read_story(folder):
            play_story(folder, story, partial(_run, folder))
        print_summary(folder, {name: ran.get(name) for name in STAGES}, time.time() - started)
    except SlipwayError as error:
        sys.exit(f"demo failed: {error}")


def _run(folder: Path, title: str, *command: str) -> None:
    print_progress(title)
    # The demo writes to its own store, also where the user's shell names a server.
    own = {name: value for name, value in os.environ.items() if name not in _USERS_STORE}
    done = subprocess.run([sys.executable, "-m", "dvc", *command], cwd=folder, env=own)
    if done.returncode:
        sys.exit(
            f"demo failed: `dvc {' '.join(command)}` in {WORKSPACE}/ ended with exit code {done.returncode}. "
            "If its output above gives no reason, run it there without --quiet."
        )


def _times(folder: Path) -> list[StageTime]:
    log = folder / TIMES
    return [msgspec.json.decode(line, type=StageTime) for line in log.read_bytes().splitlines()] if log.exists() else []


if __name__ == "__main__":
    main()
