"""Running services of the toys."""

import pytest
from running import start, stop


@pytest.fixture(scope="session")
def services(toys, tmp_path_factory):
    """One service for each toy, with the default settings, for tests that leave it as it was."""
    running = {}
    for name, toy in toys.items():
        running[name] = start(toy.bundle.path, tmp_path_factory.mktemp("log"))
    yield running
    for service in running.values():
        stop(service)


@pytest.fixture
def service(toy, services):
    """The running service of each toy in turn."""
    return services[toy.problem.name]


@pytest.fixture
def churn_service(services):
    return services["churn"]
