"""A whole project around a toy problem: git, DVC, the real pipeline, its own MLflow store."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from places import ROOT, TOYS, python_path

from slipway.files.lock import hold_lock

PARAMS = """\
split: {salt: toys, holdout: 0.25}
train: {seed: 7, threshold: 0.4}
evaluate: {resamples: 200, confidence: 0.95, seed: 7}
"""


class Project(NamedTuple):
    folder: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess:
        """Run `python ...` in the project; its own copy of the machinery and its own store are used."""
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": python_path(self.folder),
            **variables,
        }
        environment.pop("MLFLOW_TRACKING_URI", None) if "MLFLOW_TRACKING_URI" not in variables else None
        return subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240
        )

    def stage(self, name: str, **variables: str) -> subprocess.CompletedProcess:
        return self.run(f"pipeline/{name}.py", **variables)

    def dvc(self, *command: str, **variables: str) -> subprocess.CompletedProcess:
        return self.run("-m", "dvc", *command, **variables)

    def git(self, *command: str) -> str:
        return subprocess.run(["git", *command], cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def write_rows(self, frame) -> None:
        """The toy's whole dataset: one parquet file."""
        folder = self.folder / "data" / "rows"
        folder.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(folder / "rows.parquet", index=False)

    def copy(self, folder: Path) -> "Project":
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def make_project(folder: Path, toy: str, rows: int = 1500) -> Project:
    """A project made from this repository as a team would: its own problem package, the machinery as it is."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=ignore)
    # With its bytecode, so that the processes of a project need not compile it.
    shutil.copytree(ROOT / "packages/slipway/src", folder / "packages/slipway/src")
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(TOYS / toy, folder / "src" / toy, ignore=ignore)
    (folder / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{toy}"\n')
    model = importlib.import_module(f"{toy}.problem").PROBLEM.params()
    (folder / "params.yaml").write_text(PARAMS + f"model: {msgspec.json.encode(model).decode()}\n")
    project = Project(folder)
    project.write_rows(importlib.import_module(f"{toy}.dataset").make(rows, seed=5))
    project.git("init", "--quiet")
    project.git("config", "user.name", "test")
    project.git("config", "user.email", "test@example.invalid")
    for command in (("init", "--quiet"), ("add", "--quiet", "data")):
        assert project.dvc(*command).returncode == 0
    project.git("add", ".")
    project.git("commit", "--quiet", "-m", "first")
    return project


@pytest.fixture(scope="session")
def finished(session_folder) -> Project:
    """The churn project after one `dvc repro`, made once for all workers; copy it before changing it."""
    folder, whole = session_folder / "finished" / "a project", session_folder / "finished.whole"
    with hold_lock(session_folder / "finished.lock"):
        if not whole.exists():
            # In its place from the start: MLflow's store names its files by their whole path.
            shutil.rmtree(folder, ignore_errors=True)
            done = make_project(folder, "churn").dvc("repro")
            assert done.returncode == 0, done.stdout + done.stderr
            whole.touch()
    return Project(folder)
