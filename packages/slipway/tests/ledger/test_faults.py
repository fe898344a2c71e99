"""Each call of git fails once, in every way, in every operation: nothing is lost, and nothing false is reported."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledgerbox import BY, ENVIRONMENTS, branch, clone, deploy, deploying, git, make_hub, make_repository

from slipway.errors import LedgerError
from slipway.ledger import Event, Ledger

pytestmark = pytest.mark.slow
REAL = subprocess.run
FAULTS = {
    "error": "exit 1",
    "signal": "kill -KILL $$",
    "empty": "exit 0",
    "timeout": "exec sleep 60",
}
# What a reader would take for the state of the ledger, although only git has failed.
FALSE = ("damaged", "rewritten", "shortened", "no ledger", "no environment", "found none", "no such", "hidden")
# Commands that change something: they may fail after they have done it, too.
WRITING = {"update-ref", "push", "fetch"}


def begin(root: Path, _: Any) -> Any:
    Ledger(root).init(ENVIRONMENTS, BY, "it begins")
    return Ledger(root).read("production")


def append(root: Path, toys: Any) -> Any:
    return deploy(root, toys["crops"].bundle)


def append_kept(root: Path, toys: Any) -> Any:
    return Ledger(root).append("production", deploying(toys["churn"].bundle, Event.FAILED))


def read(root: Path, toys: Any) -> Any:
    ledger = Ledger(root)
    entries = [ledger.read(name).number for name in ledger.environments()]
    shown = [entry.number for entry in ledger.history("production")]
    folder = ledger.fetch_bundle(toys["churn"].bundle.digest, root / "got")
    return entries, shown, sorted(path.name for path in folder.iterdir()), ledger.verify(), ledger.by


OPERATIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "init": (begin, "empty"),
    "init without a remote": (begin, "empty alone"),
    "append": (append, "clone"),
    "append without a remote": (append, "alone"),
    "append of a kept bundle": (append_kept, "known"),
    "read": (read, "clone"),
    "read what is known": (read, "known"),
    "read in a shallow clone": (read, "shallow"),
}


class Faults:
    """Counts the calls of git; the one with the number `at` fails, before it has done anything or after."""

    def __init__(self, at: int, fault: str, after: bool) -> None:
        self.at, self.fault, self.after, self.calls = at, fault, after, 0
        self.writing: list[int] = []

    def run(self, command: list[str], **given: Any) -> Any:
        if command[0] != "git":
            return REAL(command, **given)
        self.calls += 1
        if WRITING & set(command):
            self.writing.append(self.calls)
        if self.calls != self.at:
            return REAL(command, **given)
        if self.after:
            REAL(command, **given)
        limited = given | ({"timeout": 0.05} if self.fault == "timeout" else {})
        return REAL(["sh", "-c", FAULTS[self.fault]], **limited)


def make_world(folder: Path, place: str, toys: Any) -> Path:
    """A ledger with one release, in a hub or alone, and the folder in which the operation runs."""
    if place.endswith("alone"):
        work = make_repository(folder / "work")
        if place == "alone":
            Ledger(work).init(ENVIRONMENTS, BY, "it begins")
            deploy(work, toys["churn"].bundle)
        return work
    hub = make_hub(folder)
    shutil.rmtree(folder / "source")
    if place != "empty":
        first = clone(hub, folder / "first")
        Ledger(first).init(ENVIRONMENTS, BY, "it begins")
        deploy(first, toys["churn"].bundle)
        shutil.rmtree(first)
    shutil.rmtree(hub / "hooks")
    options = ("--depth=1", "--no-single-branch") if place == "shallow" else ()
    work = clone(hub, folder / "work", "--template=", *options)
    # Relative, so that both can be copied.
    git(work, "remote", "set-url", "origin", "../hub.git")
    git(work, "config", "user.name", "Grace")
    if place == "known":
        Ledger(work).read("production")
    return work


# Every kind of failure where most calls are made; elsewhere the two kinds that read as an answer. One place in git.py
# classifies all four.
CASES = [
    (name, fault)
    for name in OPERATIONS
    for fault in FAULTS
    if name in ("append", "read in a shallow clone") or fault in ("error", "empty")
]


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_call_of_git_that_fails_loses_nothing_and_makes_nothing_up(name, fault, toys, tmp_path, monkeypatch):
    operation, place = OPERATIONS[name]
    make_world(tmp_path / "start", place, toys)
    expected, wrong = None, []
    todo = [(0, False)]
    for number, after in todo:
        world = shutil.copytree(tmp_path / "start", tmp_path / "now")
        work, hub = world / "work", world / "hub.git"
        kept = hub if hub.exists() else work
        before, faults = branch(kept), Faults(number, fault, after)
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "run", faults.run)
            try:
                found, said = operation(work, toys), ""
            except LedgerError as error:
                found, said = None, str(error)
        if number == 0:
            expected = found
            todo += [(each, False) for each in range(1, faults.calls + 1)]
            todo += [(each, True) for each in faults.writing]
        elif problem := judge(operation, work, kept, before, found, said, expected, toys):
            wrong.append(f"{number} {'after' if after else 'before'}: {problem}")
        shutil.rmtree(world)
    assert wrong == []


def judge(operation: Any, work: Path, kept: Path, before: str, found: Any, said: str, expected: Any, toys: Any) -> str:
    """What is wrong with the outcome of an operation during which git has failed once; empty for nothing."""
    now = branch(kept)
    if now != before and before and (lost := find_lost(kept, before, now)):
        return lost
    if said:
        if any(word in said for word in FALSE) or (now != before and "Nothing was written" in said):
            return f"false: {said}"
    elif operation is not read and (now == before or plain(Ledger(work).read("production")) != plain(found)):
        return f"reported, but not there: {found}"
    elif without_time(found) != without_time(expected):
        return f"false result: {found}"
    return go_on(operation, work, kept, toys)


def find_lost(kept: Path, before: str, now: str) -> str:
    """What the branch had before and has no longer."""
    commits = git(kept, "rev-list", f"{now}..{before}")
    return commits or git(kept, "diff-tree", "-r", "--diff-filter=D", "--name-only", before, now)


def go_on(operation: Any, work: Path, kept: Path, toys: Any) -> str:
    """What does not work afterwards in the same clone."""
    if not branch(kept):
        return "" if begin(work, toys).number == 0 else "it cannot begin"
    ledger = Ledger(work)
    if operation is read:
        return "" if ledger.read("production").number == 1 else "it cannot be read"
    if ledger.verify() != int(git(kept, "rev-list", "--count", "deployments")):
        return "not whole"
    newest, next_one = ledger.read("production").number, deploy(work, toys["churn"].bundle)
    return "" if next_one.number == newest + 1 else "the next one does not follow"


def plain(entry: Any) -> Any:
    return msgspec.to_builtins(entry)


def without_time(found: Any) -> Any:
    """A result without the moment at which it was made."""
    shown = plain(found)
    if not isinstance(shown, dict):
        return shown
    return {name: value for name, value in shown.items() if name not in ("at", "since")}
