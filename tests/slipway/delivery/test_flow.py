"""Releases into real environments: processes on this machine, a ledger in a real repository."""

import json
import os
import signal
import socket
import subprocess
import time

import msgspec
import psutil
import pytest
from ledgerbox import BY
from load import Callers
from projectbox import place
from running import SLIPWAY
from toybox import rows_of

from slipway.bundle import load
from slipway.delivery import flow, process
from slipway.delivery.status import lineage, read_status
from slipway.errors import DeliveryError, GateError
from slipway.ledger import Event, Ledger, follow


def quiet(line):
    """Say nothing."""


def first(project):
    """Let production serve a modest model."""
    project.retrain(trees=2)
    flow.deploy(project.root, "staging", quiet)
    return flow.promote(project.root, "staging", "production", quiet)


def better(project):
    """A candidate that the gate promotes."""
    return project.retrain(trees=8)


def slipway(project, *words):
    own = os.environ | {"PYTHONPATH": str(project.root / "src"), "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    return subprocess.Popen(
        [str(SLIPWAY), *words], cwd=project.root, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_from_the_gate_through_staging_to_production_by_one_digest(project):
    digest = load(project.bundle).digest
    done = flow.deploy(project.root, "staging", quiet)
    assert (done.entry.event, done.smoke.digest) == (Event.DEPLOY, digest)
    assert flow.target_of(project.root, "production").observe() is None
    done = flow.promote(project.root, "staging", "production", quiet)
    assert done.entry.serving.bundle == digest == flow.target_of(project.root, "production").observe()
    assert [each.differs for each in read_status(project.root)] == [None, None]
    facts = lineage(project.root, "production")
    assert facts["bundle"] == facts["runs"] == digest
    assert "first release" in facts["gate"] and facts["event"] == "promote (entry 1)"


def test_nothing_reaches_production_past_staging(project):
    with pytest.raises(DeliveryError, match="not passed staging"):
        flow.deploy(project.root, "production", quiet)
    with pytest.raises(DeliveryError, match="serves nothing yet"):
        flow.promote(project.root, "staging", "production", quiet)


def test_what_the_gate_refuses_goes_nowhere(project):
    first(project)
    before = Ledger(project.root).read("staging")
    project.retrain(project.train.assign(target=~project.train["target"]))
    with pytest.raises(GateError, match="Nothing was deployed"):
        flow.deploy(project.root, "staging", quiet)
    assert Ledger(project.root).read("staging") == before
    assert flow.target_of(project.root, "staging").observe() == before.serving.bundle


def test_a_switch_and_a_rollback_lose_no_request(project, churn):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    target = flow.target_of(project.root, "production")
    with Callers(target.url, rows_of(churn, 1)[0], 2) as callers:
        time.sleep(0.3)
        flow.deploy(project.root, "staging", quiet)
        flow.promote(project.root, "staging", "production", quiet)
        assert target.observe() == new
        done = flow.rollback(project.root, "production", "it drifted", quiet)
        assert target.observe() == old == done.entry.serving.bundle
        time.sleep(0.3)
    assert not callers.failures
    assert len(callers.acknowledged) > 200
    assert done.entry.blocked == {new: done.entry.number}
    with pytest.raises(DeliveryError, match="blocked"):
        flow.promote(project.root, "staging", "production", quiet)


def test_a_rollback_goes_to_the_entry_that_is_named_or_says_that_there_is_none(project):
    first(project)
    with pytest.raises(DeliveryError, match="nothing to go back to"):
        flow.rollback(project.root, "production", "a reason", quiet)
    with pytest.raises(DeliveryError, match="entry 0"):
        flow.rollback(project.root, "production", "a reason", quiet, to=0)


def test_a_release_that_fails_its_test_leaves_what_served_and_the_ledger_says_so(project):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    # A body of golden rows is larger than that, so the new release refuses what it must answer.
    place(project, SLIPWAY_MAX_BODY_KB="1")
    with pytest.raises(DeliveryError, match=r"413.*says failed"):
        flow.deploy(project.root, "staging", quiet)
    entry = Ledger(project.root).read("staging")
    assert (entry.event, entry.release.bundle, entry.serving.bundle) == (Event.FAILED, new, old)
    assert "413" in entry.reason and entry.blocked == {new: entry.number}
    assert flow.target_of(project.root, "staging").observe() == old


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.4, 0.8])
def test_killed_at_any_moment_converge_and_the_same_command_put_it_right(project, delay):
    first(project)
    new = better(project).digest
    flow.deploy(project.root, "staging", quiet)
    running = slipway(project, "promote", "staging", "production")
    while "rehearsing" not in running.stdout.readline():
        assert running.poll() is None
    time.sleep(delay)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    entry, _ = flow.converge(project.root, "production", quiet)
    target = flow.target_of(project.root, "production")
    assert target.observe() == entry.serving.bundle
    if entry.serving.bundle != new:
        flow.promote(project.root, "staging", "production", quiet)
    assert target.observe() == new == Ledger(project.root).read("production").serving.bundle


def test_converge_starts_what_a_restarted_machine_does_not_run(project):
    first(project)
    target = flow.target_of(project.root, "production")
    record = target.folder / "service.json"
    service = psutil.Process(json.loads(record.read_bytes())["pid"])
    for each in [service, *service.children(recursive=True)]:
        each.kill()
    psutil.wait_procs([service], timeout=5)
    assert target.observe() is None
    assert "runs nothing" in next(
        each.differs for each in read_status(project.root) if each.environment == "production"
    )
    flow.converge(project.root, "production", quiet)
    assert target.observe() is not None


def test_a_pid_that_was_used_again_is_not_taken_for_the_service(project, tmp_path):
    record = tmp_path / "service.json"
    record.write_bytes(msgspec.json.encode({"pid": os.getpid(), "began": 1.0, "port": 1}))
    assert process.find(record) is None
    assert not record.exists()
    assert process.stop(record) is False


def test_a_port_that_is_taken_and_a_secret_that_is_missing_are_named(project):
    target = flow.target_of(project.root, "staging")
    port = int(target.url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DeliveryError, match="taken by another program"):
        flow.deploy(project.root, "staging", quiet)
    place(project, SLIPWAY_API_KEYS_FILE="nowhere/keys.json")
    with pytest.raises(DeliveryError, match=r"nowhere/keys\.json"):
        flow.deploy(project.root, "staging", quiet)


def test_somebody_who_was_faster_is_named_and_his_release_stays(project):
    first(project)
    newest = Ledger(project.root).read("production")
    make = flow._following(Ledger(project.root), newest, Event.ROLLBACK, newest.serving, "mine")
    ledger = Ledger(project.root)
    ledger.append(
        "production",
        lambda now: follow(now, Event.FAILED, by=BY, reason="his", release=newest.serving),
    )
    with pytest.raises(DeliveryError, match="was faster"):
        ledger.append("production", make)


def test_the_commands_say_what_happened_and_what_to_type_next(project):
    for words, said in (
        (("deploy", "staging"), "promote staging production"),
        (("promote", "staging", "production"), "slipway show production"),
        (("status",), "production   serves"),
        (("show", "production"), "gate"),
        (("converge", "production"), "runs what the ledger says"),
        (("smoke", flow.target_of(project.root, "production").url), "golden rows"),
        (("stop", "production"), "ended"),
    ):
        done = slipway(project, *words)
        text = done.communicate(timeout=60)[0]
        assert done.returncode == 0, text
        assert said in text
