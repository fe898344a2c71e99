"""Several who write at the same moment: one wins, the others judge again, nothing is lost."""

import stat
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest
from ledgerbox import BY, branch, clone, deploy, deploying, git, make_hub

from slipway.errors import LedgerError
from slipway.ledger import Event, Ledger
from slipway.ledger.commit import publish_commit
from slipway.ledger.objects import Objects

WRITE = """
import sys
from pathlib import Path
from slipway.errors import LedgerError
from slipway.ledger import Entry, Event, Ledger, Release, next_entry

root, who, digest, times = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
done = 0
while done < times:
    make = lambda newest: next_entry(newest, Event.PROMOTE, by=who, reason=str(done), release=Release(bundle=digest))
    try:
        Ledger(root).append("production", make)
        done += 1
    except LedgerError as error:
        if "Conflict" not in str(error):
            raise
"""


def test_two_clones_promote_at_once_and_the_loser_judges_again(hub, ours, theirs, toys):
    """Both have judged the same newest entry before either writes."""
    here, there = toys["churn"].bundle, toys["crops"].bundle
    barrier, seen, wrong = Barrier(2, timeout=60), {"ours": [], "theirs": []}, []

    def promote(name, root, bundle):
        def make(newest):
            seen[name].append(newest.number)
            if len(seen[name]) == 1:
                barrier.wait()
            return deploying(bundle, Event.PROMOTE)(newest)

        try:
            Ledger(root).append("production", make, bundle.path)
        except LedgerError as error:
            wrong.append(error)

    threads = [Thread(target=promote, args=given) for given in (("ours", ours, here), ("theirs", theirs, there))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(seen.values()) == [[0], [0, 1]], "one wins at once; the other is called again with the winner's entry"
    winner, loser = (here, there) if seen["ours"] == [0] else (there, here)
    assert [entry.release.bundle for entry in Ledger(ours).history("production", 2)] == [loser.digest, winner.digest]
    assert Ledger(ours).verify() == 3


def test_the_same_event_recorded_by_two_is_won_by_one(ours, theirs, churn):
    """The very same entry, to the second: git alone would make one commit of both."""
    calls = []

    def make(newest):
        calls.append(newest.number)
        entry = deploying(churn.bundle)(newest)
        if len(calls) == 1:
            Ledger(theirs).append("production", lambda _: entry, churn.bundle.path)
        return entry

    assert Ledger(ours).append("production", make, churn.bundle.path).number == 2
    assert calls == [0, 1]


def test_the_loser_may_refuse_what_it_finds(hub, ours, theirs, toys):
    def make(newest):
        if newest.number:
            raise LedgerError(f"{newest.by} was first")
        deploy(theirs, toys["crops"].bundle)
        return deploying(toys["churn"].bundle)(newest)

    with pytest.raises(LedgerError, match=f"{BY} was first"):
        Ledger(ours).append("production", make, toys["churn"].bundle.path)
    assert Ledger(ours).read("production").release.bundle == toys["crops"].bundle.digest


def test_another_environment_does_not_stand_in_the_way(ours, theirs, churn):
    calls = []

    def make(newest):
        calls.append(newest.number)
        if len(calls) == 1:
            deploy(theirs, churn.bundle, "staging")
        return deploying(churn.bundle)(newest)

    assert Ledger(ours).append("production", make, churn.bundle.path).number == 1
    assert calls == [0, 0]


def test_whoever_is_always_late_gives_up_after_five_more(hub, ours, theirs, churn):
    deploy(theirs, churn.bundle)
    calls = []

    def make(newest):
        calls.append(newest.number)
        deploy(theirs, churn.bundle)
        return deploying(churn.bundle)(newest)

    with pytest.raises(
        LedgerError, match=r"Conflict: other commands wrote to the ledger first, 6 times in a row\. Nothing was written"
    ):
        Ledger(ours).append("production", make)
    assert calls == [1, 2, 3, 4, 5, 6]
    assert Ledger(ours).read("production").number == 7


@pytest.mark.parametrize("place", ["alone", "ours"])
def test_processes_in_one_clone_lose_nothing(request, place, churn):
    root = request.getfixturevalue(place)
    deploy(root, churn.bundle)
    commands = [[sys.executable, "-c", WRITE, str(root), who, churn.bundle.digest, "6"] for who in ("a", "b", "c")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    entries = list(Ledger(root).history("production"))
    assert [entry.number for entry in entries] == list(range(19, -1, -1))
    for who in ("a", "b", "c"):
        assert [entry.reason for entry in reversed(entries) if entry.by == who] == [str(number) for number in range(6)]
    assert Ledger(root).verify() == 20


def wrap_git(folder: Path, monkeypatch, script: str) -> None:
    """Put a program named git before the real one; `script` is what it does, with the real one as $GIT."""
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\nGIT="{real}"\n{script}\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_push_that_arrived_although_the_line_broke_counts_once(hub, ours, churn, tmp_path, monkeypatch):
    broken = '"$GIT" "$@"; code=$?\ncase " $* " in *" push "*) exit 128;; *) exit $code;; esac'
    wrap_git(tmp_path / "bin", monkeypatch, broken)
    assert deploy(ours, churn.bundle).number == 1
    assert git(hub, "rev-list", "--count", "deployments") == "2"


def test_a_remote_that_refuses_is_said_and_nothing_is_written(hub, ours, churn):
    before = branch(hub)
    hook = hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the branch is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(LedgerError, match=r"Nothing was written.*the branch is protected.*tags below refs/tags/ledger"):
        deploy(ours, churn.bundle)
    assert branch(hub) == before
    hook.unlink()
    assert deploy(ours, churn.bundle).number == 1


def test_a_reference_that_stays_locked_is_said(alone, churn):
    """As a git leaves it that was killed while it wrote."""
    lock = alone / ".git" / "refs" / "heads" / "deployments.lock"
    lock.touch()
    with pytest.raises(LedgerError, match=r"git cannot write refs/heads/deployments.*deployments\.lock"):
        deploy(alone, churn.bundle)
    lock.unlink()
    assert deploy(alone, churn.bundle).number == 1


def test_what_arrived_is_no_error_although_this_clone_cannot_note_it(hub, ours, churn):
    Ledger(ours).read("production")
    lock = ours / ".git" / "refs" / "slipway" / "ledger.lock"
    lock.touch()
    assert deploy(ours, churn.bundle).number == 1
    with pytest.raises(LedgerError, match=r"git cannot write refs/slipway/ledger"):
        Ledger(ours).read("production")
    lock.unlink()
    assert Ledger(ours).read("production").number == 1


def test_a_remote_that_forbids_what_the_docs_forbid_takes_entries(hub, ours, theirs, churn):
    git(hub, "config", "receive.denyNonFastForwards", "true")
    git(hub, "config", "receive.denyDeletes", "true")
    deploy(ours, churn.bundle)
    assert deploy(theirs, churn.bundle).number == 2


def test_two_who_begin_at_once(tmp_path, churn):
    """The second begins while the first one's genesis is on its way."""
    hub = make_hub(tmp_path)
    ours, theirs = clone(hub, tmp_path / "ours"), clone(hub, tmp_path / "theirs")
    ledger = Ledger(ours)
    begun = []

    def late(*given):
        if not begun:
            begun.append(True)
            Ledger(theirs).init(["staging"], BY, "first")
        return publish_commit(*given)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(LedgerError, match="Conflict: another command wrote"):
        patched.setattr("slipway.ledger.ledger.publish_commit", late)
        ledger.init(["staging"], BY, "second")
    assert Ledger(ours).read("staging").reason == "first"
    with pytest.raises(LedgerError, match="the ledger already has"):
        ledger.init(["staging"], BY, "third")


def test_a_tag_that_is_made_while_the_tags_are_read_is_no_error(alone, monkeypatch):
    first, run = branch(alone), subprocess.run

    def tag_then_run(command, **given):
        done = run(command, **given)
        run(["git", "update-ref", f"refs/tags/ledger/production/{len(command)}", first], cwd=alone, check=True)
        return done

    git(alone, "tag", "ledger/production/1", first)
    monkeypatch.setattr(subprocess, "run", tag_then_run)
    assert Objects(alone).references("refs/tags/ledger") == {
        "refs/tags/ledger/production/0": first,
        "refs/tags/ledger/production/1": first,
    }
