"""Commands that are killed, machines that restart, hands that meddle: what runs is what the ledger says again."""

import signal

import psutil
import pytest
from releases import better, first, killed_after, quiet, slipway

from slipway.bundle.verify import read_sealed
from slipway.delivery import operations
from slipway.delivery.reconcile import reconcile
from slipway.delivery.smoke_test import wait_until
from slipway.delivery.status import read_status
from slipway.delivery.targets.local import process
from slipway.delivery.targets.registry import find_target
from slipway.ledger import Ledger

pytestmark = pytest.mark.slow


def settle(project, environment):
    """Reconcile, and check that all agrees; the digest that serves."""
    entry = reconcile(project.root, environment, quiet).entry
    target = find_target(project.root, environment)
    serving = entry.serving.bundle if entry.serving else None
    assert target.observe() == serving
    assert target.out_of_sync(serving) is None
    if serving:
        assert (target.folder / "current").resolve().name == serving
    assert process.find_process(str(target.folder / "rehearsal")) is None
    return serving


def die(project, function, times, *words):
    killed = killed_after(project, function, times, *words)
    said = killed.communicate(timeout=60)[0]
    assert killed.returncode == -signal.SIGKILL, said


@pytest.mark.parametrize(
    ("function", "times"),
    [
        ("delivery.targets.local.target.LocalTarget.prepare", 1),
        ("delivery.targets.local.process.start_process", 1),
        ("delivery.targets.local.target.LocalTarget.rehearse", 1),
        ("files.writing.write_bytes", 1),
        ("files.writing.point_link", 1),
        ("delivery.targets.local.process.hang_up_process", 1),
        ("delivery.targets.local.target.LocalTarget._switch", 1),
        ("delivery.targets.local.target.LocalTarget.apply", 1),
        ("ledger.commit.commit_entry", 1),
        ("ledger.ledger.Ledger.append", 1),
    ],
)
def test_a_switch_that_is_killed_after_any_step_is_undone_or_finished(project, function, times):
    old = first(project).entry.serving.bundle
    new = better(project).digest
    operations.deploy(project.root, "staging", quiet)
    die(project, function, times, "promote", "staging", "production")
    assert settle(project, "production") == (new if function == "ledger.ledger.Ledger.append" else old)
    done = slipway(project, "promote", "staging", "production")
    assert done.wait(timeout=60) == 0, done.stdout.read()
    assert settle(project, "production") == new
    assert Ledger(project.root).read("production").number == 2


def test_a_switch_that_was_killed_is_unfinished_until_it_was_tested(project):
    """The second command dies as well: link and answers may be right, and the switch that the first began may come."""
    old = first(project).entry.serving.bundle
    better(project)
    operations.deploy(project.root, "staging", quiet)
    die(project, "delivery.targets.local.process.hang_up_process", 1, "promote", "staging", "production")
    die(project, "files.writing.point_link", 1, "reconcile", "production")
    assert "not finished" in production(project).differs
    assert settle(project, "production") == old


@pytest.mark.parametrize(
    ("function", "times"),
    [
        ("files.writing.point_link", 1),
        ("delivery.targets.local.process.start_process", 2),
        ("delivery.targets.local.target.LocalTarget.apply", 1),
    ],
)
def test_a_first_start_that_is_killed_leaves_nothing_that_the_next_run_stumbles_over(project, function, times):
    digest = operations.deploy(project.root, "staging", quiet).entry.serving.bundle
    die(project, function, times, "promote", "staging", "production")
    operations.promote(project.root, "staging", "production", quiet)
    assert settle(project, "production") == digest
    target = find_target(project.root, "production")
    assert target.remove() and process.find_process(str(target.folder)) is None


def test_a_first_start_that_is_killed_is_ended_where_the_ledger_says_that_nothing_serves(project):
    operations.deploy(project.root, "staging", quiet)
    die(project, "delivery.targets.local.process.start_process", 2, "promote", "staging", "production")
    assert settle(project, "production") is None
    assert process.find_process(str(find_target(project.root, "production").folder)) is None


def test_reconcile_starts_what_a_restarted_machine_does_not_run(project):
    first(project)
    target = find_target(project.root, "production")
    service = process.find_process(str(target.folder))
    family = [service, *service.children(recursive=True)]
    for each in family:
        each.kill()
    psutil.wait_procs(family, timeout=5)
    assert target.observe() is None
    assert "serves nothing" in production(project).differs
    assert settle(project, "production") is not None
    assert production(project).differs is None


def test_a_link_that_somebody_moved_is_seen_and_mended(project):
    old = first(project).entry.serving.bundle
    target = find_target(project.root, "production")
    other = target.prepare(read_sealed(better(project).path), None).bundle
    current = target.folder / "current"
    current.unlink()
    current.symlink_to(other.path)
    assert "link" in production(project).differs
    assert settle(project, "production") == old
    assert current.resolve().name == old


def test_a_process_without_the_mark_is_not_taken_for_the_service_and_its_children_are_not_the_service(tmp_path):
    mark = str(tmp_path / "environment")
    assert process.find_process(mark) is None
    assert process.stop_process(mark) is False
    words = ["sh", "-c", "sleep 60 & wait"]
    started = process.start_process(words, {}, tmp_path / "output.log", mark, tmp_path)
    try:
        # The system shows a process without its environment while that is being made.
        assert wait_until(lambda: process.find_process(mark) == started, 5, lambda: True)
        assert process.find_process(f"{mark}-other") is None
    finally:
        assert process.stop_process(mark)
    assert not process.is_alive(started)
    assert process.find_process(mark) is None


def production(project):
    return next(each for each in read_status(project.root) if each.environment == "production")
