"""Two stand-ins of GitHub on loopback, `hub` with scripted answers and `stub` with a state, and a client of each."""

import pytest
from hub import hub as serving
from stub_github import stub_github

from slipway.github.client.api import GitHub
from slipway.settings import GitHubSettings


@pytest.fixture
def hub():
    with serving() as running:
        yield running


@pytest.fixture
def github(hub):
    with GitHub(GitHubSettings(hub.url, "acme/model", "secret")) as client:
        yield client


@pytest.fixture
def stub():
    with stub_github() as state:
        yield state


@pytest.fixture
def client(stub):
    with GitHub(GitHubSettings(stub.url, stub.repository, "workflow-token")) as found:
        yield found
