"""A rollback whose push has no answer, or meets another one, goes one release back and no further."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ledgerbox import clone, git

sys.path.insert(0, str(Path(__file__).parent))

from worlds import NEW, OLD, ROOT, Worlds, digest_of

from slipway.delivery import operations
from slipway.errors import DeliveryError, LedgerError
from slipway.ledger import Event, Ledger

REAL = subprocess.run


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Production serves the new release after the old one; this runs in a clone that has read nothing yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLIPWAY_LEDGER_KEY", raising=False)
    made = Worlds(tmp_path).make("begun old new")
    os.chdir(made / "work")
    return made


def roll_back(reason="it drifted"):
    return operations.rollback(ROOT, "production", reason, lambda _: None)


def at_the_push(monkeypatch, act):
    """Let `act` answer the first push, given the command and what else it was called with."""
    pushes = []

    def run(command, **given):
        if "push" not in command or pushes:
            return REAL(command, **given)
        pushes.append(command)
        return act(command, given)

    monkeypatch.setattr(subprocess, "run", run)


def went_back_once(folder=ROOT):
    entries = list(Ledger(folder).history("production"))
    served = (folder / "served" / "production").read_text()
    assert [entry.event for entry in entries].count(Event.ROLLBACK) == 1
    assert (entries[0].serving.bundle, list(entries[0].blocked)) == (digest_of(OLD), [digest_of(NEW)])
    return served == digest_of(OLD)


def timed_out(command, given):
    raise subprocess.TimeoutExpired(command, given["timeout"])


def test_a_push_that_lands_after_it_timed_out_is_found_by_the_same_command(world, monkeypatch):
    late = []
    at_the_push(monkeypatch, lambda command, given: (late.append((command, given)), timed_out(command, given)))
    with pytest.raises(LedgerError, match=r"It is not known whether the entry was written.*may take it later.*Look at"):
        roll_back()
    assert (ROOT / "served" / "production").read_text() == digest_of(NEW), "as the ledger says so far"
    ((command, given),) = late
    assert REAL(command, **given).returncode == 0
    with pytest.raises(DeliveryError, match=r"was rolled back already by entry 3 .*--from 3"):
        roll_back("another reason, by a colleague")
    assert roll_back().entry.number == 3
    assert went_back_once()


def test_a_push_that_lands_after_the_command_was_typed_again_changes_nothing(world, monkeypatch):
    late = []
    at_the_push(monkeypatch, lambda command, given: (late.append((command, given)), timed_out(command, given)))
    with pytest.raises(LedgerError, match="It is not known"):
        roll_back()
    assert roll_back().entry.number == 3
    ((command, given),) = late
    assert REAL(command, **given).returncode != 0
    assert went_back_once()


def test_of_two_operators_who_roll_back_at_once_one_is_told(world, monkeypatch):
    rival = clone(world / "hub.git", world / "rival")
    git(rival, "config", "user.name", "Ada")
    shutil.copytree(ROOT / "served", rival / "served")
    shutil.copy(ROOT / "pyproject.toml", rival / "pyproject.toml")

    def be_second(command, given):
        os.chdir(rival)
        roll_back("it is slow")
        os.chdir(world / "work")
        return REAL(command, **given)

    at_the_push(monkeypatch, be_second)
    with pytest.raises(DeliveryError, match=rf"Conflict: entry 3 \(rollback\).*release {digest_of(OLD)[:12]} serves"):
        roll_back()
    with pytest.raises(DeliveryError, match=r"was rolled back already by entry 3 \(Ada.*: it is slow\)"):
        roll_back()
    assert went_back_once() and went_back_once(rival)
