"""An environment on a real Docker Swarm of two nodes: each of them answers at every moment."""

import re
import shutil

import pytest
from dockerbox import ROOT, bring, change, quiet
from load import STEADY, Callers
from nodes import api_of, two_nodes
from requirements import is_required
from waiting import wait_for_engine

from slipway.delivery import operations
from slipway.delivery.reconcile import stop_service
from slipway.delivery.status import describe_status, read_status
from slipway.delivery.targets.containers.swarm_stack import FILE
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not is_required("swarm"), reason="two engines in network namespaces: only where SLIPWAY_REQUIRE asks for swarm"
    ),
]
SETTINGS = {
    **{"target": "swarm", "context": "manager", "address": "0.0.0.0"},
    "variables": {"SLIPWAY_AUTH": "platform"},
}


@pytest.fixture(scope="module")
def nodes(engine, registry):
    with two_nodes(engine.client, registry) as found:
        yield found


@pytest.fixture
def project(nodes, on_engine, engine, tmp_path, monkeypatch):
    """A toy project whose first environment is on both nodes."""
    manager, _ = nodes
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "client"))
    engine.run("context", "create", "manager", "--docker", f"host={api_of(manager)}")
    place = on_engine.root / FILE
    place.parent.mkdir(parents=True)
    shutil.copy(ROOT / FILE, place)
    change(on_engine, **SETTINGS, replicas=2)
    yield on_engine
    stop_service(on_engine.root, "staging", quiet)


def nodes_of(target):
    """How many replicas run on each node; none where one of them went while they were counted."""
    try:
        running = [each.node for each in target._stack.tasks() if each.running]
    except DeliveryError:
        return []
    return sorted(running.count(each) for each in set(running))


def test_each_node_answers_while_replicas_are_replaced_and_after_one_was_away(project, shipped, nodes, tmp_path):
    old, new = shipped
    manager, worker = nodes
    with pytest.raises(DeliveryError, match=r"2 nodes of the swarm.*replicas = 4 or more.*found 2"):
        bring(project, old)
    change(project, **SETTINGS, replicas=4)
    bring(project, old)
    target = find_target(project.root, "staging")
    assert target.out_of_sync(old.bundle.digest, old.image) is None
    assert nodes_of(target) == [2, 2]
    assert "staging writes a log on each of 2 nodes" in target.copy_log(tmp_path / "copy")
    port = target.url.rpartition(":")[2]
    with (
        Callers(f"http://{manager.address}:{port}", old.row, 2, pause=STEADY) as near,
        Callers(f"http://{worker.address}:{port}", old.row, 2, pause=STEADY) as far,
    ):
        bring(project, new)
    for callers in (near, far):
        assert not callers.failures and callers.broken == 0
        assert len(callers.acknowledged) > 200

    assert target.note() is None
    node = next(each for each in target._stack.nodes() if not each.here)
    manager.run("node", "update", "--availability", "drain", node.id)
    wait_for_engine(lambda: nodes_of(target) == [4])
    assert target.note() is None, "it takes none"
    manager.run("node", "update", "--availability", "active", node.id)
    (found,) = (each for each in read_status(project.root) if each.environment == "staging")
    assert worker.namespace == node.name and f"no replica runs on {node.name}: " in describe_status(found)
    (command,) = re.findall(r"`docker (.*)` spreads them again", describe_status(found))
    manager.run(*command.split())
    assert target.note() is None and len(nodes_of(target)) == 2

    # The way back is not refused for what only a new release must not do without.
    change(project, **SETTINGS, replicas=3)
    operations.rollback(project.root, "staging", "the test goes back", quiet)
    assert find_target(project.root, "staging").out_of_sync(old.bundle.digest, old.image) is None


def test_a_manager_that_takes_no_replicas_is_named_before_anything_starts(project, shipped, nodes):
    manager, _ = nodes
    change(project, **SETTINGS, replicas=4)
    own = next(each.id for each in find_target(project.root, "staging")._stack.nodes() if each.here)
    manager.run("node", "update", "--availability", "drain", own)
    try:
        with pytest.raises(DeliveryError, match="takes no replicas"):
            bring(project, shipped[0])
    finally:
        manager.run("node", "update", "--availability", "active", own)
    # Who says where replicas run has thought of it.
    place = project.root / FILE
    place.write_text(place.read_text().replace("    deploy:\n", "    deploy:\n      placement: {constraints: []}\n"))
    assert find_target(project.root, "staging")._stack.nodes() == []
