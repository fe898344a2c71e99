"""A ledger at a bare remote with two clones around it."""

import pytest
from ledgerbox import BY, ENVIRONMENTS, clone, make_hub, make_repository

from slipway.ledger import Ledger


@pytest.fixture
def hub(tmp_path):
    """A bare remote whose ledger has begun."""
    folder = make_hub(tmp_path)
    Ledger(clone(folder, tmp_path / "first")).init(ENVIRONMENTS, BY, "it begins")
    return folder


@pytest.fixture
def ours(hub, tmp_path):
    return clone(hub, tmp_path / "ours")


@pytest.fixture
def theirs(hub, tmp_path):
    return clone(hub, tmp_path / "theirs")


@pytest.fixture
def alone(tmp_path):
    """A repository without a remote whose ledger has begun."""
    folder = make_repository(tmp_path / "alone")
    Ledger(folder).init(ENVIRONMENTS, BY, "it begins")
    return folder
