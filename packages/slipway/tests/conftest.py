"""What every test may use: a quiet environment, as the stages have it, and toy problems sealed once per session."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from slipway.settings import quiet_environment

# Workers begin with what takes longest, and have the short files to share at the end.
LONGEST_FIRST = ("runner", "engine", "slow")

quiet_environment()
# There is a worker of pytest for each core: threads of OpenMP beside them spin while they wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from registry import shared_registry  # noqa: E402
from toybox import TOYS, Toy, make_toy  # noqa: E402

from slipway.bundle import load_bundle  # noqa: E402 - ONNX Runtime reads its environment when it is imported


def pytest_collection_modifyitems(items):
    """Mark tests by their fixtures: `engine` is a real container engine, `cluster` a real Kubernetes."""
    for item in items:
        for fixture, marker in (("engine", "engine"), ("cluster", "kubernetes")):
            if fixture in item.fixturenames:
                item.add_marker(marker)
    items.sort(key=_rank)


def pytest_make_parametrize_id(val):
    """Name bytes by their length: all workers must find the same names, and gzip writes the time into its header."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def _rank(item) -> int:
    ranks = [rank for rank, name in enumerate(LONGEST_FIRST) if item.get_closest_marker(name)]
    return min(ranks, default=len(LONGEST_FIRST))


@pytest.fixture(autouse=True)
def _same_path():
    """MLflow puts the code of a model that it loads before everything else, for good; processes inherit that."""
    before = sys.path[:]
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory) -> Path:
    """The folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@pytest.fixture(scope="session")
def registry(session_folder) -> str:
    """The address of a real image registry."""
    return shared_registry(session_folder / "registry")


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> dict[str, Toy]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: make_toy(name, folder / name) for name in TOYS}


@pytest.fixture(params=TOYS)
def toy(request, toys) -> Toy:
    """Each toy in turn: a binary, a multiclass and a regression problem."""
    return toys[request.param]


@pytest.fixture
def churn(toys) -> Toy:
    return toys["churn"]


@pytest.fixture
def loose_bundle(churn, tmp_path):
    """A copy of a good bundle's folder, free to be damaged."""
    folder = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, folder)
    load_bundle(folder)
    return folder
