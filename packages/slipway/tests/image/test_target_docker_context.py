"""An environment behind a docker context: nothing of this machine's folders can be mounted there."""

import socket
import subprocess

import pytest
from dockerbox import bring, change, quiet, services, settled
from relay import relay
from running import SLIPWAY

from slipway.delivery.reconcile import reconcile
from slipway.delivery.smoke_test import read_version
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def context(engine, tmp_path, monkeypatch):
    """A context that reaches the engine over TCP, in a configuration of its own."""
    host = engine.run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if not host.startswith("unix://"):
        pytest.skip("the engine is somewhere else already")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    listener = socket.create_server(("127.0.0.1", 0))
    with relay(listener, host.removeprefix("unix://")):
        where = f"host=tcp://127.0.0.1:{listener.getsockname()[1]}"
        engine.run("context", "create", "elsewhere", "--docker", where)
        yield "elsewhere"


def make_key(project, name):
    words = [SLIPWAY, "key", "new", name, "--file", "keys.json"]
    done = subprocess.run(words, cwd=project.root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_environment_behind_a_context_gets_its_keys_and_is_tested_with_one(on_engine, shipped, context, engine):
    (ship, _) = shipped
    (on_engine.root / "smoke.key").write_text(make_key(on_engine, "smoke"))
    keys = {"SLIPWAY_AUTH": "keys", "SLIPWAY_API_KEYS_FILE": "keys.json"}
    change(on_engine, context=context, variables=keys, address="0.0.0.0", key_file="smoke.key")
    bring(on_engine, ship)
    container = settled(on_engine, ship, "staging")
    target = find_target(on_engine.root, "staging")
    assert read_version(target.url) is None, "without a key it says nothing"
    mounts = {each["Destination"]: each["Type"] for each in engine.inspect(container.id)["Mounts"]}
    assert mounts == dict.fromkeys(("/var/log/slipway", "/run/slipway", "/run/front"), "volume")

    # Another key counts when reconcile has brought it there.
    second = make_key(on_engine, "second")
    assert read_version(target.url, second) is None
    assert "other settings" in target.out_of_sync(ship.bundle.digest, ship.image)
    reconcile(on_engine.root, "staging", quiet)
    assert read_version(target.url, second).model.digest == ship.bundle.digest
    settled(on_engine, ship, "staging")
    volumes = engine.run("volume", "ls", "--quiet", "--filter", f"name={target._project.name}").split()
    assert len(volumes) == 3, "files that nothing uses any more are gone"

    (on_engine.root / "keys.json").unlink()
    with pytest.raises(DeliveryError, match=r"needs the file keys\.json"):
        reconcile(on_engine.root, "staging", quiet)
    assert len(services(on_engine, "staging")) == 1


def test_a_port_that_is_not_reached_from_here_is_named(on_engine, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    engine.run("context", "create", "far", "--docker", "host=tcp://model.example.invalid:2376")
    change(on_engine, context="far")
    with pytest.raises(DeliveryError, match="cannot be tested"):
        find_target(on_engine.root, "staging").observe()
    change(on_engine, context="far", address="0.0.0.0")
    assert find_target(on_engine.root, "staging").url.startswith("http://model.example.invalid:")
