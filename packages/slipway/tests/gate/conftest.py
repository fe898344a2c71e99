"""Cases of every task: the toy's bundle as candidate, an honest retrain in production."""

import pytest
from gatebox import make_inputs, retrain

from slipway.bundle import Bundle
from slipway.gate.inputs import GateInputs


@pytest.fixture(scope="session")
def productions(toys, tmp_path_factory) -> dict[str, Bundle]:
    """For each toy an honest retrain, sealed: another digest, much the same model."""
    folder = tmp_path_factory.mktemp("productions")
    return {name: retrain(toy, folder / name) for name, toy in toys.items()}


@pytest.fixture(scope="session")
def inputs_by_toy(toys, productions) -> dict[str, GateInputs]:
    """The inputs of each toy by its name."""
    return {name: make_inputs(toy, productions[name]) for name, toy in toys.items()}


@pytest.fixture
def inputs(toy, inputs_by_toy) -> GateInputs:
    """The inputs of each toy in turn: a binary, a multiclass and a regression problem."""
    return inputs_by_toy[toy.problem.name]


@pytest.fixture
def churn_inputs(inputs_by_toy) -> GateInputs:
    return inputs_by_toy["churn"]
