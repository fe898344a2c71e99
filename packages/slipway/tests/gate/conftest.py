"""Cases of every task: the toy's bundle as candidate, an honest retrain in production."""

import pytest
from casebox import make_case, retrain

from slipway.bundle import Bundle
from slipway.gate.inputs import GateInputs


@pytest.fixture(scope="session")
def productions(toys, tmp_path_factory) -> dict[str, Bundle]:
    """For each toy an honest retrain, sealed: another digest, much the same model."""
    folder = tmp_path_factory.mktemp("productions")
    return {name: retrain(toy, folder / name) for name, toy in toys.items()}


@pytest.fixture(scope="session")
def cases(toys, productions) -> dict[str, GateInputs]:
    """The case of each toy by its name."""
    return {name: make_case(toy, productions[name]) for name, toy in toys.items()}


@pytest.fixture
def case(toy, cases) -> GateInputs:
    """The case of each toy in turn: a binary, a multiclass and a regression problem."""
    return cases[toy.problem.name]


@pytest.fixture
def churn_case(cases) -> GateInputs:
    return cases["churn"]
