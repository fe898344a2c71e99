"""What a Compose file says of an environment, and an engine that does not say what it runs; no engine is needed."""

import pytest
import yaml
from thisrepo import ROOT

from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.compose import FILE, Project
from slipway.delivery.targets.containers.container_target import ContainerSettings
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.image import Given
from slipway.delivery.targets.docker import DockerTarget
from slipway.errors import DeliveryError

NOTHING = Given({}, {})
# An engine that starts whatever it is told to, and lists nothing.
FORGETFUL = "exit 0"
UNSURE = '[ "$1" != ps ] && { echo "it is on fire" >&2; exit 1; }; echo one; echo asked >> asked'


@pytest.fixture
def root(tmp_path):
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text((ROOT / FILE).read_text())
    return tmp_path


@pytest.fixture
def stub_engine(tmp_path, monkeypatch):
    """Sets what the docker client does."""

    def answer(script):
        (tmp_path / "docker").write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        (tmp_path / "docker").chmod(0o755)

    monkeypatch.setenv("SLIPWAY_DOCKER", str(tmp_path / "docker"))
    return answer


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, set()),
        ({"networks": {"default": {"driver_opts": {"com.docker.network.driver.mtu": "1400"}}}}, {"front", "service"}),
        ({"secrets": {"token": {"file": "token"}}}, {"service"}),
        ({"configs": {"text": {"content": "a"}}}, {"service"}),
        ({"volumes": {"front": None, "log": None}}, {"service"}),
    ],
    ids=["nothing", "networks", "secrets", "configs", "volumes"],
)
def test_what_stands_at_the_top_of_the_file_is_a_setting(root, change, changed):
    assert differing(root, lambda found: found.update(change)) == changed


@pytest.mark.parametrize("name", ["front", "service"])
def test_what_concerns_one_container_leaves_the_other(root, name):
    assert differing(root, lambda found: found["services"][name].update(pids_limit=99)) == {name}


def differing(root, change):
    """Which containers are to be others when the file has changed."""
    project = Project(Engine(), "slipway-test", root, root)
    before = project.wanted(NOTHING, "127.0.0.1", 8080)
    found = yaml.safe_load((root / FILE).read_text())
    change(found)
    (root / FILE).write_text(yaml.safe_dump(found))
    after = project.wanted(NOTHING, "127.0.0.1", 8080)
    return {name for name in ("front", "service") if getattr(before, name) != getattr(after, name)}


def test_an_engine_that_lists_what_it_does_not_know_is_asked_a_few_times(root, stub_engine):
    stub_engine(UNSURE)
    with pytest.raises(DeliveryError, match="it is on fire"):
        Project(Engine(), "slipway-test", root, root).services()
    assert 1 < len((root / "asked").read_text().split()) < 10


def test_a_container_that_is_gone_as_soon_as_it_is_started_is_said(root, stub_engine):
    stub_engine(FORGETFUL)
    target = DockerTarget(root, "staging", ContainerSettings(target="docker", port=8080))
    (root / ".slipway/environments/staging").mkdir(parents=True)
    with pytest.raises(DeliveryError, match="its container is gone"):
        target._start(PreparedRelease(None, "image"), target._project.wanted(NOTHING, "127.0.0.1", 8080))
