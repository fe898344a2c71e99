"""The project in a folder: its problem and its parameters, read together and checked."""

from pathlib import Path
from typing import NamedTuple

from slipway.contract import read_contract
from slipway.errors import SettingsError
from slipway.params import Params, read_params
from slipway.problem import Problem, load_problem
from slipway.settings import ProjectSettings, project_settings

# Raised when this version makes other bundles or figures from the same inputs than the one before.
RESULTS = 3


class Project(NamedTuple):
    """The inputs that every stage shares."""

    problem: Problem
    params: Params


def load_project(root: Path = Path(), settings: ProjectSettings | None = None) -> Project:
    """Load the problem that `pyproject.toml` below `root` names, and `params.yaml` typed by it.

    Raises `SettingsError` or `ProblemError` for what is missing or wrong in either, and for a number of results that
    this version of the machinery does not make.
    """
    settings = settings or project_settings(root)
    verify_results(settings)
    problem = load_problem(settings.problem)
    read_contract(problem.contract)
    return Project(problem, read_params(problem.params, root / "params.yaml"))


def verify_results(settings: ProjectSettings) -> None:
    """Raise `SettingsError` for a number of results that this version of the machinery does not make."""
    if settings.results != RESULTS:
        found = "no results" if settings.results is None else f"results = {settings.results}"
        raise SettingsError(
            f"[tool.slipway] of pyproject.toml: expected results = {RESULTS}, which this version of slipway makes, "
            f"found {found}. Write `results = {RESULTS}`, after which `dvc repro` runs every stage again; or install "
            "the version of slipway that made the results you have."
        )
