"""Killed after any of its git commands, the ledger is as before or as after, and the next run works."""

import shutil
import signal
import subprocess
import sys

import pytest
from ledgerbox import branch, clone, deploy, git, make_hub, make_repository

from slipway.errors import LedgerError
from slipway.ledger import Ledger

# Counts the commands; after the one whose number is in the file `kill`, whoever called is killed.
WRAPPER = """#!/bin/sh
"{real}" "$@"
code=$?
count=$(($(cat "{folder}/count") + 1))
echo $count > "{folder}/count"
[ $count = "$(cat "{folder}/kill")" ] && kill -KILL $PPID
exit $code
"""
RUN = """
import sys
from pathlib import Path
from slipway.ledger import Event, Ledger, Release, next_entry

root, bundle = Path(sys.argv[1]), Path(sys.argv[2])
if sys.argv[3] == "init":
    Ledger(root).init(["staging", "production"], "somebody", "it begins")
else:
    release = Release(bundle=bundle.name)
    make = lambda newest: next_entry(newest, Event.DEPLOY, by="somebody", release=release)
    Ledger(root).append("production", make, bundle)
"""


class Killer:
    """Runs the ledger in a process that dies after a given number of git commands."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
        (folder / "git").write_text(WRAPPER.format(real=real, folder=folder))
        (folder / "git").chmod(0o755)

    def run(self, after, monkeypatch, *given):
        (self.folder / "count").write_text("0")
        (self.folder / "kill").write_text(str(after))
        with monkeypatch.context() as patched:
            patched.setenv("PATH", str(self.folder), prepend=":")
            done = subprocess.run([sys.executable, "-c", RUN, *map(str, given)], capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode == 0


@pytest.fixture
def bundle(churn, tmp_path):
    """The bundle in a folder that is called after it."""
    return shutil.copytree(churn.bundle.path, tmp_path / churn.bundle.digest)


@pytest.mark.parametrize("place", ["remote", "no remote"])
@pytest.mark.parametrize("what", ["init", "append"])
def test_killed_between_any_two_git_commands(what, place, tmp_path, monkeypatch, churn, bundle):
    start = tmp_path / "start"
    start.mkdir()
    hub = make_hub(start) if place == "remote" else None
    work = clone(hub, start / "work") if hub else make_repository(start / "work")
    if what == "append":
        Ledger(work).init(["staging", "production"], "somebody", "it begins")
    killer = Killer(tmp_path / "bin")
    wanted = 2 if what == "append" else 1
    outcomes = []
    for after in range(1, 80):
        now = tmp_path / f"run {after}"
        shutil.copytree(start, now)
        root = now / "work"
        if hub:
            git(root, "remote", "set-url", "origin", f"file://{now / 'hub.git'}")
        kept = now / "hub.git" if hub else root
        before = branch(kept)
        finished = killer.run(after, monkeypatch, root, bundle, what)
        moved = branch(kept) != before
        outcomes.append(moved)
        assert git(root, "status", "--porcelain") == ""
        if moved:
            assert Ledger(root).verify() == wanted
        elif what == "init":
            with pytest.raises(LedgerError, match="There is no ledger"):
                Ledger(root).read("production")
            Ledger(root).init(["staging", "production"], "somebody", "again")
        else:
            assert Ledger(root).read("production").number == 0
        assert deploy(root, churn.bundle).number == (2 if moved and what == "append" else 1)
        assert Ledger(root).verify() == 2 + (moved and what == "append")
        if finished:
            break
        shutil.rmtree(now)
    assert finished
    assert outcomes == sorted(outcomes), "one command makes the difference"
    assert len(outcomes) > 8
    assert not outcomes[0]
