"""The project in the working directory: its problem and its parameters, read together and checked."""

from typing import NamedTuple

from slipway.contract import read_contract
from slipway.params import Params, read_params
from slipway.problem import Problem, load_problem
from slipway.settings import project_settings


class Project(NamedTuple):
    """What every stage starts from."""

    problem: Problem
    params: Params


def load_project() -> Project:
    """Load the problem that `pyproject.toml` names and `params.yaml`, typed by it; raises what either lacks."""
    problem = load_problem(project_settings().problem)
    read_contract(problem.contract)
    return Project(problem, read_params(problem.params))
