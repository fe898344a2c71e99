"""Releases into real environments: processes on this machine, a ledger in a real repository."""

import shutil
import socket
import time
from functools import partial

import msgspec
import pytest
from ledgerbox import branch, make_key
from load import Callers
from projectbox import place
from releases import better, first, quiet, slipway
from toybox import rows_of

from slipway.bundle import load_bundle
from slipway.delivery import operations, preconditions
from slipway.delivery.reconcile import reconcile, stop_service
from slipway.delivery.release import choose_release
from slipway.delivery.status import read_status, trace_release
from slipway.delivery.targets.registry import find_target, lock_environment
from slipway.errors import DeliveryError, GateError
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.ledger.signatures import SIGNERS


def test_from_the_gate_through_staging_to_production_by_one_digest(project):
    digest = load_bundle(project.bundle).digest
    done = operations.deploy(project.root, "staging", quiet)
    assert (done.entry.event, done.smoke.digest) == (Event.DEPLOY, digest)
    assert find_target(project.root, "production").observe() is None
    done = operations.promote(project.root, "staging", "production", quiet)
    assert done.entry.serving.bundle == digest == find_target(project.root, "production").observe()
    assert [each.differs for each in read_status(project.root)] == [None, None]
    facts = trace_release(project.root, "production")
    assert facts["bundle"] == facts["runs"] == digest
    assert "first release" in facts["gate"] and facts["event"] == "promote (entry 1)"


def test_a_stranger_who_takes_the_port_of_a_rehearsal_makes_no_bundle_fail(project, monkeypatch):
    """Between the moment at which a free port was picked, and that at which the service binds it."""
    real, strangers = socket.create_server, []

    def create(address, **given):
        server = real(address, **given)
        if strangers or address[1]:
            return server
        port = server.getsockname()[1]
        server.close()
        strangers.append(real(("127.0.0.1", port)))
        return strangers[0].dup()

    monkeypatch.setattr(socket, "create_server", create)
    done = operations.deploy(project.root, "staging", quiet)
    strangers[0].close()
    assert (done.entry.number, done.entry.event, done.entry.blocked) == (1, Event.DEPLOY, {})


def test_nothing_reaches_production_past_staging(project):
    with pytest.raises(DeliveryError, match="passed staging"):
        operations.deploy(project.root, "production", quiet)
    with pytest.raises(DeliveryError, match="serves nothing yet"):
        operations.promote(project.root, "staging", "production", quiet)


def test_what_the_gate_refuses_goes_nowhere(project):
    first(project)
    before = Ledger(project.root).read("staging")
    project.retrain(project.train.assign(target=~project.train["target"]))
    with pytest.raises(GateError, match="Nothing was deployed"):
        operations.deploy(project.root, "staging", quiet)
    assert Ledger(project.root).read("staging") == before
    assert find_target(project.root, "staging").observe() == before.serving.bundle


def test_a_switch_and_a_rollback_lose_no_request(project, churn):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    target = find_target(project.root, "production")
    with Callers(target.url, rows_of(churn, 1)[0], 2) as callers:
        time.sleep(0.3)
        operations.deploy(project.root, "staging", quiet)
        operations.promote(project.root, "staging", "production", quiet)
        assert target.observe() == new
        done = operations.rollback(project.root, "production", "it drifted", quiet)
        assert target.observe() == old == done.entry.serving.bundle
        time.sleep(0.3)
    assert not callers.failures
    assert len(callers.acknowledged) > 200
    assert done.entry.blocked == {new: done.entry.number}
    with pytest.raises(DeliveryError, match="blocked"):
        operations.promote(project.root, "staging", "production", quiet)


def test_a_rollback_goes_to_the_entry_that_is_named_or_says_that_there_is_none(project):
    first(project)
    with pytest.raises(DeliveryError, match="nothing to go back to"):
        operations.rollback(project.root, "production", "a reason", quiet)
    with pytest.raises(DeliveryError, match="entry 0"):
        operations.rollback(project.root, "production", "a reason", quiet, to=0)


def entries_with_images(project, *releases):
    """Production by promotion, as rehearsals write it: (bundle, image) after (bundle, image)."""
    ledger = Ledger(project.root)
    for number, (bundle, image) in enumerate(releases):
        release = Release(bundle=bundle.digest, image=image, commit=f"{number:040}")
        make = partial(next_entry, event=Event.PROMOTE, by="Ada", release=release, target="rehearsal")
        ledger.append("production", make, bundle.path)
    return ledger


def two_models(project):
    old = shutil.copytree(project.bundle, project.root.parent / "old")
    return load_bundle(old), better(project)


def back(ledger, by_image=True):
    """One rollback further, by the ledger alone; what serves then."""
    newest = ledger.read("production")
    release, _ = preconditions.find_earlier_release(ledger, newest, None, by_image)
    ledger.append("production", partial(next_entry, event=Event.ROLLBACK, by="Ada", release=release, reason="bad"))
    return release.image


def test_rollbacks_of_images_go_back_one_by_one_and_never_forward_again(project):
    old, new = two_models(project)
    ledger = entries_with_images(project, (old, "i1"), (new, "i2"), (new, "i3"))
    assert back(ledger) == "i2"
    assert ledger.read("production").blocked == {}, "the model is none the worse for the code around it"
    with pytest.raises(DeliveryError, match="image i3 was rolled back in production by entry 4"):
        preconditions.check_image_not_rolled_back(
            ledger, ledger.read("production"), Release(bundle=new.digest, image="i3")
        )
    assert back(ledger) == "i1"
    with pytest.raises(DeliveryError, match="nothing to go back to"):
        back(ledger)


def test_where_no_image_runs_a_rollback_goes_back_to_another_model(project):
    old, new = two_models(project)
    ledger = entries_with_images(project, (old, "i1"), (new, "i2"), (new, "i3"))
    assert back(ledger, by_image=False) == "i1"


def test_a_rollback_to_what_an_unsigned_entry_names_asks_also_without_a_number(project, monkeypatch):
    old, new = two_models(project)
    ledger, asked = entries_with_images(project, (old, None), (new, None)), []
    key = make_key(project.root / ".git" / "ada")
    (project.root / SIGNERS).parent.mkdir(exist_ok=True)
    (project.root / SIGNERS).write_text(
        f"# accepted up to {branch(project.root)}\nada {key.with_suffix('.pub').read_text()}"
    )
    project.commit("who may sign")
    monkeypatch.setenv("SLIPWAY_LEDGER_KEY", str(key))
    with pytest.raises(DeliveryError, match=r"Entry 1 of production is unsigned.*--unsigned"):
        operations.rollback(project.root, "production", "bad", quiet, accept=lambda question: asked.append(question))
    assert "Entry 1 of production is unsigned" in asked[0]
    assert ledger.read("production").number == 2
    reconcile(project.root, "production", quiet)
    done = operations.rollback(project.root, "production", "bad", quiet, accept=lambda question: True)
    assert done.entry.serving.bundle == old.digest


def test_a_release_that_came_again_goes_back_to_what_was_between(project):
    old, new = two_models(project)
    ledger = entries_with_images(project, (old, "i1"), (new, "i2"), (old, "i1"))
    assert back(ledger) == "i2"


def test_who_waited_for_another_rollback_is_told_and_does_not_go_back_twice(project):
    first(project)
    better(project)
    operations.deploy(project.root, "staging", quiet)
    operations.promote(project.root, "staging", "production", quiet)
    with lock_environment(project.root, "production", quiet):
        waiting = slipway(project, "rollback", "production", "--reason", "mine")
        assert "waiting" in waiting.stdout.readline()
        ledger = Ledger(project.root)
        newest = ledger.read("production")
        make = partial(next_entry, event=Event.FAILED, by="Ada", reason="hers", release=newest.serving)
        ledger.append("production", make)
    assert waiting.wait(timeout=60) == 1
    assert "was written by Ada while this rollback was starting" in waiting.stdout.read()
    assert Ledger(project.root).read("production").serving == newest.serving


def test_a_rollback_that_failed_may_be_tried_again(project):
    old = first(project).entry.serving
    better(project)
    operations.deploy(project.root, "staging", quiet)
    operations.promote(project.root, "staging", "production", quiet)
    place(project, SLIPWAY_MAX_ROWS="none")
    with pytest.raises(DeliveryError, match="did not become ready"):
        operations.rollback(project.root, "production", "drift", quiet)
    entry = Ledger(project.root).read("production")
    assert (entry.event, entry.blocked) == (Event.FAILED, {})
    place(project)
    assert operations.rollback(project.root, "production", "drift", quiet).entry.serving == old


def test_a_rollback_goes_one_release_back_however_often_it_is_typed(project):
    """Killed after the ledger had the entry, run again by a colleague, run again on purpose."""
    releases = []
    for trees in (27, 28, 29):
        path = shutil.copytree(project.retrain(trees=trees).path, project.root.parent / str(trees))
        releases.append(load_bundle(path))
    ledger = entries_with_images(project, *((each, None) for each in releases))
    reconcile(project.root, "production", quiet)
    first_time = operations.rollback(project.root, "production", "it drifted", quiet, expected_entry=3)
    for expected_entry in (None, 3):
        again = operations.rollback(project.root, "production", "it drifted", quiet, expected_entry=expected_entry)
        assert again.entry == first_time.entry
        with pytest.raises(DeliveryError, match=r"rolled back already by entry 4 .*--from 4"):
            operations.rollback(project.root, "production", "another reason", quiet, expected_entry=expected_entry)
    stop_service(project.root, "production", quiet)
    assert operations.rollback(project.root, "production", "it drifted", quiet).smoke.digest == releases[1].digest
    failed = partial(next_entry, event=Event.FAILED, by="Ada", reason="hers", release=ledger.read("production").serving)
    ledger.append("production", failed)
    assert operations.rollback(project.root, "production", "it drifted", quiet).entry.number == 5
    with pytest.raises(DeliveryError, match="expected entry 2 to be the newest of production, found entry 5"):
        operations.rollback(project.root, "production", "it drifted", quiet, expected_entry=2)
    further = operations.rollback(project.root, "production", "this one, too", quiet, expected_entry=5)
    assert (further.entry.number, further.entry.serving.bundle) == (6, releases[0].digest)


def test_an_environment_that_runs_elsewhere_is_not_changed_from_here(project):
    first(project)
    better(project)
    operations.deploy(project.root, "staging", quiet)
    stop_service(project.root, "production", quiet)
    shutil.rmtree(project.root / ".slipway/environments/production")
    with pytest.raises(DeliveryError, match="does not run from this folder"):
        operations.promote(project.root, "staging", "production", quiet)
    reconcile(project.root, "production", quiet)
    assert operations.promote(project.root, "staging", "production", quiet).entry.number == 2


def test_what_the_disk_refuses_leads_back_and_is_written_down_like_any_other_failure(project):
    old = first(project).entry.serving
    new = better(project).digest
    # Nothing can be written there: what a full disk does to the switch.
    blocked = project.root / ".slipway/environments/staging/switching"
    blocked.mkdir()
    with pytest.raises(DeliveryError, match=r"switching.*could not be brought back.*says failed"):
        operations.deploy(project.root, "staging", quiet)
    entry = Ledger(project.root).read("staging")
    assert (entry.event, entry.release.bundle, entry.serving) == (Event.FAILED, new, old)
    assert find_target(project.root, "staging").observe() == old.bundle
    blocked.rmdir()


def test_choosing_into_a_folder_of_something_else_destroys_nothing(project):
    letters = project.root / "letters"
    letters.mkdir()
    (letters / "to-ada.txt").write_text("Dear Ada")
    with pytest.raises(DeliveryError, match="holds other files than a release"):
        choose_release(project.root, Ledger(project.root), letters, quiet)
    assert (letters / "to-ada.txt").read_text() == "Dear Ada"
    for _ in range(2):
        choose_release(project.root, Ledger(project.root), project.root / "release", quiet)


def test_an_older_commit_is_not_brought_over_a_newer_one(project):
    old = project.commit("old")
    new = project.commit("new")
    served = Release(bundle=load_bundle(project.bundle).digest, commit=new)
    ledger = Ledger(project.root)
    make = partial(next_entry, event=Event.DEPLOY, by="Ada", release=served)
    newest = ledger.append("staging", make, project.bundle)
    with pytest.raises(DeliveryError, match="which is newer than"):
        preconditions.check_commit_order(project.root, newest, msgspec.structs.replace(served, commit=old), quiet)
    preconditions.check_commit_order(project.root, newest, served, quiet)
    preconditions.check_commit_order(
        project.root, newest, msgspec.structs.replace(served, commit=project.commit("newest")), quiet
    )


def test_a_release_that_fails_its_test_leaves_what_served_and_the_ledger_says_so(project):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    place(project, SLIPWAY_MAX_ROWS="none")
    with pytest.raises(DeliveryError, match=r"SLIPWAY_MAX_ROWS.*says failed"):
        operations.deploy(project.root, "staging", quiet)
    entry = Ledger(project.root).read("staging")
    assert (entry.event, entry.release.bundle, entry.serving.bundle) == (Event.FAILED, new, old)
    assert "did not become ready" in entry.reason and entry.blocked == {new: entry.number}
    assert find_target(project.root, "staging").observe() == old


def test_somebody_who_was_faster_is_named_and_his_release_serves(project):
    """Two clones of one environment: the second writes its entry while the first one is switching."""
    old = first(project).entry.serving
    new = better(project).digest
    operations.deploy(project.root, "staging", quiet)

    def someone_else_writes(line):
        if "switching" in line:
            his = {"by": "Ada <ada@example.org>", "reason": "his", "release": old}
            Ledger(project.root).append("production", lambda now: next_entry(now, Event.FAILED, **his))

    with pytest.raises(
        DeliveryError, match=r"Conflict: entry 2 .* by Ada <ada@example.org>.*serves, as the ledger says"
    ):
        operations.promote(project.root, "staging", "production", someone_else_writes)
    assert find_target(project.root, "production").observe() == old.bundle != new
    assert Ledger(project.root).read("production").reason == "his"


def test_of_two_promotions_at_once_on_one_machine_one_waits_and_finds_the_work_done(project):
    first(project)
    new = better(project).digest
    operations.deploy(project.root, "staging", quiet)
    both = [slipway(project, "promote", "staging", "production") for _ in range(2)]
    said = [each.communicate(timeout=60)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert sum("waiting for another command" in each for each in said) == 1
    assert sum("serves" in each and "already" in each for each in said) == 1
    assert Ledger(project.root).read("production").number == 2
    assert find_target(project.root, "production").observe() == new


def test_a_release_that_was_rolled_back_is_not_deployed_again(project):
    first(project)
    better(project)
    operations.deploy(project.root, "staging", quiet)
    operations.rollback(project.root, "staging", "it looks odd", quiet)
    with pytest.raises(DeliveryError, match="blocked in staging"):
        operations.deploy(project.root, "staging", quiet)


def test_what_was_judged_beside_a_release_that_was_rolled_back_since_is_judged_anew(project):
    old = first(project).entry.serving
    project.retrain(trees=3)
    operations.deploy(project.root, "staging", quiet)
    operations.promote(project.root, "staging", "production", quiet)
    # A run that is on its way while production is rolled back.
    project.retrain(trees=20)
    folder = project.root / "release"
    choose_release(project.root, Ledger(project.root), folder, quiet)
    newest = operations.deploy(project.root, "staging", quiet, chosen=folder).entry.serving
    operations.rollback(project.root, "production", "it looks odd", quiet)
    with pytest.raises(DeliveryError, match="was rolled back by entry 3"):
        operations.promote(project.root, "staging", "production", quiet, chosen=folder)
    assert Ledger(project.root).read("production").serving == old

    choose_release(project.root, Ledger(project.root), folder, quiet)
    done = operations.promote(project.root, "staging", "production", quiet, chosen=folder)
    assert (done.entry.number, done.entry.serving) == (4, newest)


def test_the_commands_say_what_happened_and_what_to_type_next(project):
    for words, said in (
        (("deploy", "staging"), "promote staging production"),
        (("promote", "staging", "production"), "slipway show production"),
        (("status",), "production   serves"),
        (("show", "production"), "gate"),
        (("show",), "environment    staging"),
        (("reconcile", "production"), "in sync with the ledger"),
        (("smoke", find_target(project.root, "production").url), "golden rows"),
        (("stop", "production"), "stopped"),
    ):
        done = slipway(project, *words)
        text = done.communicate(timeout=60)[0]
        assert done.returncode == 0, text
        assert said in text
