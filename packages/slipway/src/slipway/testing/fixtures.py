"""The project whose tests run: its problem and parameters, its data as a fresh clone gets it, and a sample of that."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slipway.data.splitting import split_frame
from slipway.data.validation.dataset import load_dataset
from slipway.files.lock import hold_lock
from slipway.files.writing import new_folder
from slipway.problem import Problem, Task
from slipway.project import Project, load_project
from slipway.settings import quiet_environment

if TYPE_CHECKING:
    import pandas as pd

# Enough for a model that learns something, few enough for seconds.
SAMPLE_ROWS = 20_000


def pytest_configure() -> None:
    """Give every process one thread of OpenMP: workers of pytest-xdist fill the cores, and more threads only spin."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def project_root(request: pytest.FixtureRequest) -> Path:
    """The root of the repository: the folder of the `pyproject.toml` that configures pytest."""
    return request.config.rootpath


@pytest.fixture(scope="session")
def project(project_root: Path) -> Project:
    """The problem that `pyproject.toml` names, and `params.yaml` typed by it."""
    quiet_environment()
    return load_project(project_root)


@pytest.fixture(scope="session")
def problem(project: Project) -> Problem:
    """The problem itself."""
    return project.problem


@pytest.fixture(scope="session")
def data(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the versioned data, pulled into a copy: the one in the working tree is neither read nor changed.

    Without `data.dvc` it is `data/` itself.
    """
    if not (project_root / "data.dvc").exists():
        return project_root / "data"
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist share one.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "versioned"
    with hold_lock(folder.with_suffix(".lock")):
        if not folder.exists():
            with new_folder(folder) as part:
                _pull(project_root, part)
    return folder / "data"


@pytest.fixture(scope="session")
def frame(problem: Problem, data: Path) -> "pd.DataFrame":
    """The whole dataset."""
    return load_dataset(problem, data)


@pytest.fixture(scope="session")
def sample(frame: "pd.DataFrame", problem: Problem) -> "pd.DataFrame":
    """About `SAMPLE_ROWS` rows of the dataset at most."""
    return take_sample(frame, problem.task, SAMPLE_ROWS)


@pytest.fixture(scope="session")
def parts(sample: "pd.DataFrame", project: Project) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """The sample, split into training set and holdout."""
    return split_frame(sample, project.params.split)


def take_sample(frame: "pd.DataFrame", task: Task, rows: int) -> "pd.DataFrame":
    """Return every n-th row, of classes every n-th row of each: by chance a rare one could have none."""
    step = -(-len(frame) // rows)
    if task is Task.REGRESSION:
        return frame.iloc[::step].reset_index(drop=True)
    return frame[frame.groupby("target", dropna=False).cumcount() % step == 0].reset_index(drop=True)


def _pull(root: Path, folder: Path) -> None:
    shutil.copytree(root / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    shutil.copy(root / "data.dvc", folder)
    for words in (("config", "core.no_scm", "true"), ("pull", "--quiet", "data.dvc")):
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"dvc {' '.join(words)} failed in a copy of .dvc and data.dvc:\n{done.stderr}", pytrace=False)
