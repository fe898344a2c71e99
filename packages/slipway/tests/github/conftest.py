"""GitHub as a stand-in on loopback, and a client of it."""

import pytest
from hub import hub as serving

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
