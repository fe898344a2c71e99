"""A toy project whose environments run on free ports; whatever was started is ended."""

import pytest
from ledgerbox import ENVIRONMENTS
from projectbox import Project, make_project, place

from slipway.delivery.targets.registry import find_target


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Project:
    """A good candidate, and a ledger in which nothing serves yet."""
    return make_project(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture
def project(fresh, tmp_path):
    found = place(fresh.copy(tmp_path / "project"))
    yield found
    for name in ENVIRONMENTS:
        find_target(found.root, name).remove()
