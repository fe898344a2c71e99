"""Settings that a Compose file gives an environment, and engines that fail; no real engine is needed."""

import pytest
import yaml
from thisrepo import ROOT

from slipway.delivery.targets.base import PreparedRelease
from slipway.delivery.targets.containers.compose import FILE, Project
from slipway.delivery.targets.containers.container_target import ContainerSettings
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.mounted_files import ContainerInputs
from slipway.delivery.targets.docker import DockerTarget
from slipway.delivery.targets.swarm import SwarmSettings, SwarmTarget
from slipway.errors import DeliveryError

NOTHING = ContainerInputs({}, {})


@pytest.fixture
def root(tmp_path):
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text((ROOT / FILE).read_text())
    return tmp_path


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


def test_a_container_that_is_removed_while_containers_are_listed_is_left_out(root, stub_engine):
    stub_engine({"/containers/json": (200, [{"Id": "one"}])})
    assert Project(Engine(), "slipway-test", root, root).services() == []


def test_an_engine_that_lists_a_container_and_fails_to_inspect_it_is_an_error(root, stub_engine):
    stub_engine(
        {"/containers/json": (200, [{"Id": "one"}]), "/containers/one/json": (500, {"message": "it is on fire"})}
    )
    with pytest.raises(DeliveryError, match=r"Cannot list the containers of slipway-test: it is on fire\."):
        Project(Engine(), "slipway-test", root, root).services()


def test_a_container_that_is_gone_as_soon_as_it_is_started_is_said(root, stub_engine):
    stub_engine({"/containers/json": (200, [])})
    target = DockerTarget(root, "staging", ContainerSettings(target="docker", port=8080))
    (root / ".slipway/environments/staging").mkdir(parents=True)
    with pytest.raises(DeliveryError, match="was removed by another program"):
        target._start(PreparedRelease(None, "image"), target._project.wanted(NOTHING, "127.0.0.1", 8080))


def test_an_engine_without_a_swarm_is_told_how_to_get_one(root, stub_engine):
    stub_engine({"/_ping": (200, "OK"), "/info": (200, {"Swarm": {"ControlAvailable": False}})})
    target = SwarmTarget(root, "staging", SwarmSettings(target="swarm", port=8080))
    with pytest.raises(DeliveryError, match="docker swarm init"):
        target.preflight()
