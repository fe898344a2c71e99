"""Worlds for the scenarios: each test has its own, all of them share a project, results, and a registry program."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import events
import pytest
from enginebox import engine_settings
from registry import worker
from runner import find_act, times
from stub_github import stub_github
from toyrepo import make_repository
from warm import install_uv, make_small
from world import World


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith("test_run_"):
            item.add_marker("runner")
            item.add_marker(pytest.mark.timeout(1200))


def pytest_terminal_summary(terminalreporter, config):
    """How long jobs took: the table of docs/workflows.md."""
    file = config._tmp_path_factory.getbasetemp() / "workflows" / "times.jsonl"
    if file.exists():
        terminalreporter.write_sep("=", "seconds of each job: runs, median, longest")
        for name, count, middle, longest in times(file):
            terminalreporter.write_line(f"{name:<40} {count:>3} {middle:>6.0f} {longest:>6.0f}")


@pytest.fixture(scope="session")
def shared(session_folder) -> Path:
    """Return a folder that all workers share, with uv and the smaller environment for jobs."""
    find_act()
    folder = session_folder / "workflows"
    folder.mkdir(exist_ok=True)
    once(folder, "environment", make_small)
    once(folder, "uv", install_uv)
    return folder


def once(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    """Of parallel workers the first makes what is to be found under this name."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            part = folder / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            make(part)
            part.rename(folder / name)


@pytest.fixture(scope="session")
def toy_repository(shared) -> Path:
    """The bare repository that every world begins with."""

    def make(folder: Path) -> None:
        folder.mkdir()
        make_repository(folder, shared / "dvc")

    once(shared, "repository", make)
    return shared / "repository" / "hub.git"


@pytest.fixture(scope="session")
def repository(registry):
    """Where images of this worker's worlds go."""
    yield f"{registry}/{worker()}/{events.REPOSITORY}"
    # The engine would keep what was pushed to a registry that is no more.
    client = engine_settings()["SLIPWAY_DOCKER"]
    listed = ["image", "ls", "--quiet", "--filter", f"reference={registry}/{worker()}/*/*"]
    images = subprocess.run([client, *listed], capture_output=True, text=True).stdout.split()
    if images:
        subprocess.run([client, "image", "rm", "--force", *sorted(set(images))], capture_output=True)


@pytest.fixture
def world(tmp_path, toy_repository, shared, repository):
    with stub_github() as github, World(tmp_path, toy_repository, github, repository, shared) as made:
        yield made
