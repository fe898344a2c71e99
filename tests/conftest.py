"""The versioned data, as a fresh clone gets it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flights.dataset import load

ROOT = Path(__file__).parents[1]


def dvc(*arguments, folder):
    command = [sys.executable, "-m", "dvc", *arguments]
    found = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Pulled into a copy, so that the tests need no `data/` in the working tree and never touch the one there."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / ".dvc", clone / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    shutil.copy(ROOT / "data.dvc", clone)
    dvc("config", "core.no_scm", "true", folder=clone)
    dvc("pull", "data.dvc", folder=clone)
    return clone / "data"


@pytest.fixture(scope="session")
def frame(data):
    return load(data)
