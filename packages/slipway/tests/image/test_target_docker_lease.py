"""Two clones that share an engine: their commands change an environment one after the other."""

import signal

import pytest
from dockerbox import bring, quiet, settled
from releases import killed_after, slipway

from slipway.bundle.verify import read_sealed
from slipway.delivery.reconcile import find_in_sync, reconcile
from slipway.delivery.rollout import open_environment
from slipway.delivery.targets.containers.engine import Engine
from slipway.delivery.targets.containers.lease import lease
from slipway.delivery.targets.registry import find_target

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def other(on_engine, shipped, tmp_path):
    """Another clone, after the first one has brought a release to staging."""
    bring(on_engine, shipped[0])
    return on_engine.copy(tmp_path / "other")


def holders(project, engine):
    name = f"{find_target(project.root, 'staging')._named}-held"
    return engine.run("ps", "--all", "--quiet", "--filter", f"name={name}").split()


def test_a_command_of_another_clone_waits_and_leaves_alone_what_the_first_has_aside(on_engine, shipped, other, engine):
    with open_environment(on_engine.root, "staging", quiet) as held:
        second = slipway(other, "reconcile", "staging")
        assert "waiting for" in second.stdout.readline()
        held.target.rehearse(held.target.prepare(read_sealed(shipped[0].bundle.path), shipped[0].image))
        assert second.poll() is None
        assert find_in_sync(other.root, "staging"), "who only looks waits for nobody"
    said = second.communicate(timeout=60)[0]
    assert second.returncode == 0 and "in sync with the ledger" in said
    assert holders(on_engine, engine) == []


def test_a_user_without_a_name_holds_it_too(on_engine, shipped, other, engine, monkeypatch):
    # As in the container that follows the ledger, whose user is one of the machine and none of the image.
    for each in ("GITHUB_ACTOR", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    with open_environment(on_engine.root, "staging", quiet):
        (found,) = holders(on_engine, engine)
        assert engine.inspect(found)["Config"]["Labels"]["slipway.by"].startswith("user 54321 on ")


def test_an_image_that_the_engine_removed_is_pulled_again_to_lock_with(on_engine, shipped, engine):
    name, image = f"{find_target(on_engine.root, 'staging')._named}-held", shipped[0].image
    engine.run("image", "rm", "--force", image)
    with lease(Engine(), name, lambda: image, quiet):
        assert len(holders(on_engine, engine)) == 1
    assert holders(on_engine, engine) == []


def test_what_a_killed_command_held_is_free_at_once_and_what_was_never_started_soon(on_engine, shipped, other, engine):
    killed = killed_after(other, "delivery.targets.containers.lease._acquire", 1, "reconcile", "staging")
    assert killed.wait(timeout=60) == -signal.SIGKILL, killed.stdout.read()
    reconcile(on_engine.root, "staging", quiet)
    name = f"{find_target(on_engine.root, 'staging')._named}-held"
    engine.run("create", "--name", name, shipped[0].image)
    said = []
    reconcile(on_engine.root, "staging", said.append)
    assert "waiting for another command" in said[0]
    settled(on_engine, shipped[0], "staging")
    assert holders(on_engine, engine) == []
