"""What a machine lacks skips a test and says why, and fails it where SLIPWAY_REQUIRE asks for it."""

import pytest
from enginebox import require_base_image


@pytest.fixture
def client(tmp_path):
    """A docker client whose `image inspect` and `pull` end as told."""

    def make(inspect: int, pull: int) -> str:
        path = tmp_path / "docker"
        path.write_text(f'#!/bin/sh\n[ "$1" = pull ] || exit {inspect}\necho "no such host" >&2\nexit {pull}\n')
        path.chmod(0o755)
        return str(path)

    return make


def test_without_a_base_image_a_test_of_the_engine_is_skipped_with_the_reason(client, monkeypatch):
    monkeypatch.delenv("SLIPWAY_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"python:3\.\S+ cannot be pulled \(no such host\)"):
        require_base_image({"SLIPWAY_DOCKER": client(1, 1)})


def test_where_an_engine_is_required_a_missing_base_image_is_a_failure(client, monkeypatch):
    monkeypatch.setenv("SLIPWAY_REQUIRE", "act,docker")
    with pytest.raises(pytest.fail.Exception, match="SLIPWAY_REQUIRE asks for docker, but the base image mine"):
        require_base_image({"SLIPWAY_DOCKER": client(1, 1), "SLIPWAY_BASE_IMAGE": "mine"})


@pytest.mark.parametrize(("inspect", "pull"), [(0, 1), (1, 0)])
def test_a_base_image_that_is_there_or_can_be_pulled_is_enough(client, inspect, pull):
    require_base_image({"SLIPWAY_DOCKER": client(inspect, pull), "SLIPWAY_BASE_IMAGE": "mine"})
