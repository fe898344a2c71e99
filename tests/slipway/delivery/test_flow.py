"""Releases into real environments: processes on this machine, a ledger in a real repository."""

import time
from functools import partial

import msgspec
import pytest
from load import Callers
from projectbox import place
from releases import better, first, quiet, slipway
from toybox import rows_of

from slipway.bundle import load
from slipway.delivery import flow
from slipway.delivery.status import lineage, read_status
from slipway.errors import DeliveryError, GateError
from slipway.ledger import Event, Ledger, follow


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


def test_a_rollback_of_new_code_around_the_same_model_goes_back_to_the_image_before(project):
    served = first(project).entry.serving
    ledger = Ledger(project.root)
    for image in ("model@sha256:old", "model@sha256:new"):
        release = msgspec.structs.replace(served, image=image, commit=image[-3:])
        ledger.append("production", partial(follow, event=Event.PROMOTE, by="Ada", release=release))
    done = flow.rollback(project.root, "production", "the code is broken", quiet)
    assert (done.entry.serving.image, done.entry.serving.bundle) == ("model@sha256:old", served.bundle)
    assert done.entry.blocked == {}, "the model is none the worse for it"


def test_a_release_that_fails_its_test_leaves_what_served_and_the_ledger_says_so(project):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    place(project, SLIPWAY_MAX_ROWS="none")
    with pytest.raises(DeliveryError, match=r"SLIPWAY_MAX_ROWS.*says failed"):
        flow.deploy(project.root, "staging", quiet)
    entry = Ledger(project.root).read("staging")
    assert (entry.event, entry.release.bundle, entry.serving.bundle) == (Event.FAILED, new, old)
    assert "did not become ready" in entry.reason and entry.blocked == {new: entry.number}
    assert flow.target_of(project.root, "staging").observe() == old


def test_somebody_who_was_faster_is_named_and_his_release_serves(project):
    """Two clones of one environment: the second writes its entry while the first one is switching."""
    old = first(project).entry.serving
    new = better(project).digest
    flow.deploy(project.root, "staging", quiet)

    def someone_else_writes(line):
        if "switching" in line:
            his = {"by": "Ada <ada@example.org>", "reason": "his", "release": old}
            Ledger(project.root).append("production", lambda now: follow(now, Event.FAILED, **his))

    with pytest.raises(DeliveryError, match=r"Ada <ada@example.org> was faster.*serves, as the ledger says"):
        flow.promote(project.root, "staging", "production", someone_else_writes)
    assert flow.target_of(project.root, "production").observe() == old.bundle != new
    assert Ledger(project.root).read("production").reason == "his"


def test_of_two_promotions_at_once_on_one_machine_one_waits_and_finds_the_work_done(project):
    first(project)
    new = better(project).digest
    flow.deploy(project.root, "staging", quiet)
    both = [slipway(project, "promote", "staging", "production") for _ in range(2)]
    said = [each.communicate(timeout=60)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert sum("waiting for another command" in each for each in said) == 1
    assert sum("serves" in each and "already" in each for each in said) == 1
    assert Ledger(project.root).read("production").number == 2
    assert flow.target_of(project.root, "production").observe() == new


def test_a_release_that_was_rolled_back_is_not_deployed_again(project):
    first(project)
    better(project)
    flow.deploy(project.root, "staging", quiet)
    flow.rollback(project.root, "staging", "it looks odd", quiet)
    with pytest.raises(DeliveryError, match="blocked in staging"):
        flow.deploy(project.root, "staging", quiet)


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
