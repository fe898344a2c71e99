"""Promotions to an engine that are killed between any two steps: what runs is what the ledger says again."""

import signal

import pytest
from dockerbox import bring, change, quiet, serve, settled
from load import STEADY, Callers
from releases import killed_after, slipway

from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile
from slipway.delivery.targets.registry import find_target
from slipway.ledger import Ledger

pytestmark = pytest.mark.timeout(900)

STEPS = (
    ("delivery.targets.containers.image.prepare_image", 1),
    ("delivery.targets.containers.image_target.ImageTarget._options", 1),
    ("delivery.targets.containers.image_target.ImageTarget.rehearse", 1),
    ("delivery.targets.docker.DockerTarget._take_port", 1),
    ("delivery.targets.containers.compose.Project.up", 2),
    ("delivery.targets.docker.DockerTarget._start", 1),
    ("delivery.targets.containers.compose.Project.end", 1),
    ("delivery.targets.docker.DockerTarget.apply", 1),
    ("ledger.ledger.Ledger.append", 1),
)


def test_a_promotion_that_is_killed_after_any_step_is_undone_or_finished_and_nobody_notices(on_engine, shipped, engine):
    old, new = shipped
    serve(on_engine, old)
    bring(on_engine, new)
    target = find_target(on_engine.root, "production")
    with Callers(target.url, old.row, 2, pause=STEADY) as callers:
        for function, times in STEPS:
            killed = killed_after(on_engine, function, times, "promote", "staging", "production")
            said = killed.communicate(timeout=120)[0]
            assert killed.returncode == -signal.SIGKILL, f"{function}: {said}"
            reconcile(on_engine.root, "production", quiet)
            settled(on_engine, new if function.endswith("append") else old)
            names = engine.run("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={target._project.name}")
            assert len(names.split()) == 2, f"{function}: {names}"
    assert not callers.failures and callers.broken == 0
    done = slipway(on_engine, "promote", "staging", "production")
    assert done.wait(timeout=120) == 0, done.stdout.read()
    settled(on_engine, new)
    assert Ledger(on_engine.root).read("production").number == 2


def test_a_first_start_that_is_killed_is_ended_where_the_ledger_says_that_nothing_serves(on_engine, shipped, engine):
    (ship, _) = shipped
    bring(on_engine, ship)
    killed = killed_after(
        on_engine, "delivery.targets.docker.DockerTarget._start", 1, "promote", "staging", "production"
    )
    assert killed.wait(timeout=120) == -signal.SIGKILL, killed.stdout.read()
    target = find_target(on_engine.root, "production")
    assert target.is_running() and target.out_of_sync(None)
    reconcile(on_engine.root, "production", quiet)
    assert not target.is_running() and target.out_of_sync(None) is None
    operations.promote(on_engine.root, "staging", "production", quiet)
    settled(on_engine, ship)


def test_a_command_that_is_killed_while_it_writes_files_leaves_none_of_them(on_engine, shipped, engine):
    (ship, _) = shipped
    bring(on_engine, ship)
    (on_engine.root / "note").write_text("a secret")
    change(on_engine, variables={"NOTE_FILE": "note"})
    before = containers(engine, ship.image)
    # Files are written for the rehearsal, and then for the environment.
    for times in (1, 2):
        killed = killed_after(
            on_engine, "delivery.targets.containers.mounted_files._pack", times, "promote", "staging", "production"
        )
        said = killed.communicate(timeout=120)[0]
        assert killed.returncode == -signal.SIGKILL, said
        assert containers(engine, ship.image) > before
        reconcile(on_engine.root, "production", quiet)
        assert containers(engine, ship.image) == before
        name = find_target(on_engine.root, "production")._project.name
        assert engine.run("volume", "ls", "--quiet", "--filter", f"name={name}") == ""


def containers(engine, image):
    return set(engine.run("ps", "--all", "--quiet", "--filter", f"ancestor={image}").split())
