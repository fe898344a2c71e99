"""An environment on a real Docker Swarm of one node: replaced replica by replica, brought back by the swarm itself."""

import json
import shutil
import subprocess

import pytest
from dockerbox import ROOT, Shipped, bring, change, follow_log, quiet, remove_from, serve
from ledgerbox import ENVIRONMENTS
from load import STEADY, Callers
from requirements import is_required
from running import SLIPWAY
from waiting import wait_for_engine

from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile, stop_service
from slipway.delivery.smoke_test import read_version
from slipway.delivery.targets.containers.swarm_stack import FILE
from slipway.delivery.targets.registry import find_target
from slipway.delivery.targets.swarm import SwarmTarget
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger

pytestmark = pytest.mark.timeout(900)

# Such images do well aside. Beside others the one ends, and the other one leaves the answers to them.
ALONE = ('ENTRYPOINT ["env", "--unset=SLIPWAY_SHARE_PORT", "slipway"]', 'CMD ["serve"]')
_HANG = "test -z $SLIPWAY_INSTANCE && exec slipway serve; trap 'exit 0' TERM; sleep 600 & wait"
SILENT = (f'ENTRYPOINT ["sh", "-c", "{_HANG}"]', "CMD []")


@pytest.fixture(scope="module")
def swarm(engine):
    """The engine manages a swarm, which a run begins only where SLIPWAY_REQUIRE asks for it, and leaves as it is.

    An engine that leaves a swarm forgets the names of all containers that run, also of those that have nothing to do
    with it: another test's stack, or what a person has running.
    """
    if engine.run("info", "--format", "{{.Swarm.LocalNodeState}}") != "inactive":
        return
    if not is_required("swarm"):
        pytest.skip("the engine is in no swarm; `docker swarm init` makes it one of one node")
    engine.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")


@pytest.fixture
def on_swarm(swarm, on_engine, engine):
    """A toy project with its environments on the swarm; what is left of them is removed."""
    place = on_engine.root / FILE
    place.parent.mkdir(parents=True)
    shutil.copy(ROOT / FILE, place)
    change(on_engine, target="swarm")
    yield on_engine
    for name in ENVIRONMENTS:
        stack = find_target(on_engine.root, name)._named
        engine.try_run("stack", "rm", stack)
        wait_for_engine(lambda stack=stack: not engine.run("ps", "--quiet", "--filter", f"name={stack}"))
        remove_from(engine, stack)
        for secret in engine.run("secret", "ls", "--quiet", "--filter", f"name={stack}").split():
            engine.try_run("secret", "rm", secret)


def settled(project, ship, name="production"):
    """The environment serves this model as everything says that it should; its target."""
    target = find_target(project.root, name)
    assert target.out_of_sync(ship.bundle.digest, ship.image) is None
    assert target.observe() == ship.bundle.digest
    return target


def test_a_release_replaces_another_replica_by_replica_and_no_request_is_lost(on_swarm, shipped, engine, tmp_path):
    old, new = shipped
    done = serve(on_swarm, old)
    assert (done.entry.event, done.entry.target, done.entry.serving.image) == (Event.PROMOTE, "swarm", old.image)
    target = settled(on_swarm, old)
    with Callers(target.url, old.row, pause=STEADY) as callers:
        bring(on_swarm, new)
        operations.promote(on_swarm.root, "staging", "production", quiet)
        settled(on_swarm, new)
        operations.rollback(on_swarm.root, "production", "the test goes back", quiet)
        settled(on_swarm, old)
        follow_log(target, callers, tmp_path / "copy")
    assert not callers.failures
    assert callers.broken == 0
    assert len(callers.acknowledged) > 1000
    # Everything that was acknowledged is in the one log that all of them wrote.
    stop_service(on_swarm.root, "production", quiet)
    volume = f"{target._named}_log:/var/log/slipway"
    kept = engine.run("run", "--rm", "--volume", volume, old.image, "log", "--all", "--json")
    assert set(callers.acknowledged) <= {json.loads(line)["id"] for line in kept.splitlines()}


def test_an_image_that_breaks_its_word_never_reaches_the_swarm(on_swarm, shipped, yard):
    old, new = shipped
    bring(on_swarm, old, "staging")
    before = find_target(on_swarm.root, "staging")._stack.tasks()
    broken = Shipped(new.trees, new.bundle, yard.image(new.bundle.digest, old.bundle.path))
    with pytest.raises(DeliveryError, match="serves the bundle"):
        bring(on_swarm, broken)
    assert settled(on_swarm, old, "staging")._stack.tasks() == before
    assert Ledger(on_swarm.root).read("staging").event is Event.FAILED


@pytest.mark.parametrize(
    ("lines", "said"), [(ALONE, "cannot be used"), (SILENT, "early termination")], ids=["ends", "hangs"]
)
def test_where_a_replica_does_not_become_healthy_the_swarm_goes_back_and_the_ledger_says_so(
    on_swarm, shipped, yard, lines, said
):
    old, new = shipped
    place = on_swarm.root / FILE
    place.write_text(place.read_text().replace("start_period: 60s", "start_period: 5s"))
    bring(on_swarm, old)
    broken = Shipped(new.trees, new.bundle, yard.image(new.bundle.digest, new.bundle.path, *lines))
    target = find_target(on_swarm.root, "staging")
    with (
        Callers(target.url, old.row, 2, pause=STEADY) as callers,
        pytest.raises(DeliveryError, match=f"(?s)The swarm did not roll the release out.*{said}"),
    ):
        bring(on_swarm, broken)
    assert not callers.failures and callers.broken == 0
    settled(on_swarm, old, "staging")
    entry = Ledger(on_swarm.root).read("staging")
    assert (entry.event, entry.release.image, entry.serving.image) == (Event.FAILED, broken.image, old.image)


def test_a_deployment_that_is_killed_while_the_swarm_works_is_undone_by_reconcile_or_finished(
    on_swarm, shipped, monkeypatch
):
    class Killed(BaseException):
        """The command is gone, and the swarm goes on."""

    def die(*_):
        raise Killed

    old, new = shipped
    bring(on_swarm, old)
    for finish in (False, True):
        with monkeypatch.context() as at_once:
            at_once.setattr(SwarmTarget, "_watch", die)
            with pytest.raises(Killed):
                bring(on_swarm, new)
        assert Ledger(on_swarm.root).read("staging").serving.image == old.image
        if finish:
            bring(on_swarm, new)
        else:
            reconcile(on_swarm.root, "staging", quiet)
        settled(on_swarm, new if finish else old, "staging")


def test_a_replica_that_is_killed_is_replaced_and_one_that_somebody_scaled_away_is_brought_back(
    on_swarm, shipped, engine
):
    (ship, _) = shipped
    bring(on_swarm, ship)
    target = settled(on_swarm, ship, "staging")
    killed = next(each for each in target._stack.tasks() if each.running)
    container = engine.run("inspect", "--format", "{{.Status.ContainerStatus.ContainerID}}", killed.id)
    engine.run("kill", container)
    wait_for_engine(
        lambda: target.out_of_sync(ship.bundle.digest, ship.image) is None and killed.id not in running(target)
    )

    engine.run("service", "scale", "--detach", f"{target._named}_service=1")
    assert "scaled to 1 replicas" in target.out_of_sync(ship.bundle.digest, ship.image)
    reconcile(on_swarm.root, "staging", quiet)
    assert len(running(settled(on_swarm, ship, "staging"))) == 2


def running(target):
    return [each.id for each in target._stack.tasks() if each.running]


def test_keys_are_a_secret_of_the_swarm_and_another_key_comes_in_by_reconcile(on_swarm, shipped, engine):
    (ship, _) = shipped
    (on_swarm.root / "smoke.key").write_text(make_key(on_swarm, "smoke"))
    keys = {"SLIPWAY_AUTH": "keys", "SLIPWAY_API_KEYS_FILE": "keys.json"}
    change(on_swarm, target="swarm", variables=keys, key_file="smoke.key", replicas=1)
    bring(on_swarm, ship)
    target = settled(on_swarm, ship, "staging")
    assert read_version(target.url) is None, "without a key it says nothing"
    second = make_key(on_swarm, "second")
    assert "other settings" in target.out_of_sync(ship.bundle.digest, ship.image)
    reconcile(on_swarm.root, "staging", quiet)
    assert read_version(target.url, second).model.digest == ship.bundle.digest
    settled(on_swarm, ship, "staging")
    wait_for_engine(
        lambda: len(engine.run("secret", "ls", "--quiet", "--filter", f"name={target._named}").split()) == 1
    )


def make_key(project, name):
    words = [SLIPWAY, "key", "new", name, "--file", "keys.json"]
    return subprocess.run(words, cwd=project.root, capture_output=True, text=True, check=True).stdout.strip()
