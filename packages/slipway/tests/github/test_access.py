"""The repository is that of the remote origin, where no variable says otherwise."""

import subprocess

import pytest

from slipway.errors import GitHubError
from slipway.github.client.access import connect_repository


@pytest.fixture
def clone(tmp_path, monkeypatch):
    for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "secret")

    def clone(url):
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", url], check=True)
        return tmp_path

    return clone


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/model",
        "https://github.com/acme/model.git",
        "https://token@github.com/acme/model.git",
        "git@github.com:acme/model.git",
        "ssh://git@github.com/acme/model",
        "ssh://git@github.com:22/acme/model.git",
    ],
)
def test_the_remote_names_the_repository(clone, url):
    assert connect_repository(clone(url)).repository == "acme/model"


@pytest.mark.parametrize("url", ["https://gitlab.com/acme/model", "/srv/git/model.git", "https://github.com/acme"])
def test_a_remote_elsewhere_is_no_repository_at_github(clone, url):
    with pytest.raises(GitHubError, match="OWNER/NAME"):
        connect_repository(clone(url))
