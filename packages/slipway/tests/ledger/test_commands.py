"""The commands that people type, in a real repository, as real processes."""

import json
import re
import subprocess
from functools import partial

import msgspec
import pytest
from ledgerbox import BY, branch, clone, deploy, git, make_hub
from running import SLIPWAY

from slipway.ledger import Event, Ledger, Release, next_entry


def slipway(root, *command):
    return subprocess.run([str(SLIPWAY), *command], cwd=root, capture_output=True, text=True)


@pytest.fixture
def rolled_back(ours, toys):
    """churn served, then crops, which was rolled back."""
    deploy(ours, toys["churn"].bundle)
    deploy(ours, toys["crops"].bundle)
    deploy(ours, toys["churn"].bundle, event=Event.ROLLBACK, reason="[bold] of us")
    return ours


def test_init_begins_staging_and_production(tmp_path):
    hub = make_hub(tmp_path)
    ours = clone(hub, tmp_path / "ours")
    done = slipway(ours, "ledger", "init", "--reason", "first delivery")
    assert done.returncode == 0, done.stderr
    assert "production, staging begin on the branch deployments at the remote 'origin'" in done.stdout
    assert Ledger(ours).environments() == ["production", "staging"]
    assert Ledger(ours).read("staging").reason == "first delivery"
    before = branch(hub)
    again = slipway(ours, "ledger", "init", "--reason", "first delivery")
    assert (again.returncode, branch(hub)) == (1, before)
    assert "the ledger already has" in again.stderr


def test_init_unless_there_begins_what_is_missing_and_nothing_twice(tmp_path):
    hub = make_hub(tmp_path)
    ours = clone(hub, tmp_path / "ours")
    words = ("ledger", "init", "--unless-there", "--reason", "the first push")
    assert slipway(ours, *words).returncode == 0
    before = branch(hub)
    again = slipway(clone(hub, tmp_path / "another run"), *words)
    assert (again.returncode, branch(hub)) == (0, before)
    assert "nothing was written" in again.stdout
    more = slipway(ours, *words, "--environment", "canary")
    assert more.returncode == 0, more.stderr
    assert "canary" in Ledger(ours).environments()


def test_init_of_named_environments_as_json(tmp_path):
    ours = clone(make_hub(tmp_path), tmp_path / "ours")
    done = slipway(ours, "ledger", "init", "--environment", "live", "--reason", "one is enough", "--json")
    assert json.loads(done.stdout)["environments"] == ["live"]
    assert Ledger(ours).environments() == ["live"]


@pytest.mark.parametrize("reason", [(), ("--reason", " ")])
def test_nothing_happens_without_a_reason(hub, ours, reason):
    before = branch(hub)
    for command in (("init", "--environment", "live"), ("unblock", "production", "abc")):
        assert slipway(ours, "ledger", *command, *reason).returncode == 2
    assert branch(hub) == before


def test_history_shows_the_newest_first_and_what_serves(rolled_back, toys):
    done = slipway(rolled_back, "history", "production")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    churn, crops = (toys[name].bundle.digest[:12] for name in ("churn", "crops"))
    assert [(line[0], *line[3:5]) for line in lines[1:4]] == [
        ("3", "rollback", churn),
        ("2", "deploy", crops),
        ("1", "deploy", churn),
    ]
    assert lines[4][3:5] == ["genesis", "Ada"]
    assert "[bold] of us" in done.stdout, "what people write is no markup"
    assert f"production serves {churn} since" in done.stdout
    assert f"blocked: {crops}" in done.stdout


def test_history_without_an_environment_shows_each(rolled_back):
    assert slipway(rolled_back, "ledger", "init", "--environment", "live", "--reason", "another").returncode == 0
    done = slipway(rolled_back, "history", "--limit", "1")
    assert done.returncode == 0, done.stderr
    live, others = done.stdout.split("live serves nothing")
    assert "genesis" in live
    assert "production serves" in others and "3 older entries" in others and "staging serves nothing" in others
    found = json.loads(slipway(rolled_back, "history", "--json").stdout)
    assert [(each["environment"], len(each["entries"])) for each in found] == [
        ("live", 1),
        ("production", 4),
        ("staging", 1),
    ]


def test_history_of_the_last_ones_says_how_many_are_older(rolled_back):
    done = slipway(rolled_back, "history", "production", "--limit", "1")
    assert len(done.stdout.splitlines()) == 5
    assert "3 older entries" in done.stdout


def test_history_for_machines(rolled_back, toys):
    found = json.loads(slipway(rolled_back, "history", "production", "--json").stdout)
    assert [entry["number"] for entry in found["entries"]] == [3, 2, 1, 0]
    assert found["serving"]["bundle"] == toys["churn"].bundle.digest
    assert found["offline"] is None


def test_what_may_be_old_is_said(hub, rolled_back, tmp_path):
    hub.rename(tmp_path / "gone")
    done = slipway(rolled_back, "history", "production")
    assert done.returncode == 0
    assert "This may be out of date: Cannot connect to the remote 'origin'" in done.stderr
    assert "Cannot connect" in json.loads(slipway(rolled_back, "history", "production", "--json").stdout)["offline"]


def test_an_entry_cannot_move_the_cursor_or_colour_what_is_shown(hub, ours, toys):
    hiding = "fine\x1b[2K\x1b[1A\x9b31m \u202eevil\r\x07"
    Ledger(ours).append(
        "production",
        lambda newest: next_entry(
            newest, Event.DEPLOY, by=f"Ada{hiding}", reason=hiding, release=Release(bundle=toys["churn"].bundle.digest)
        ),
        toys["churn"].bundle.path,
    )
    for command in (("history", "production"), ("ledger", "unblock", "production", hiding, "--reason", "x")):
        done = slipway(ours, *command)
        assert not set("\x1b\x9b\u202e\r\x07") & set(done.stdout + done.stderr), command
        assert "\\x1b[2K" in done.stdout + done.stderr


# Erase the line, name a link, set the title of the window, turn the direction of writing, begin a line of its own.
HIDING = (
    "\x1b[2K\x1b]8;;http://evil.invalid\x07\x1b]0;title\x1b\\\x9b31m\u202e\u2066\ufeff\rfine\nproduction 9: promote"
)
ENVIRONMENT = """
[tool.slipway]
problem = "none"
environments.production.port = 9
"""


@pytest.fixture
def poisoned(ours, toys):
    """Every text of an entry that may hold any text holds what a terminal obeys."""
    bundle = toys["churn"].bundle
    texts = dict.fromkeys(("image", "commit", "data", "model", "run"), f"a/{''.join(HIDING.split())}")
    release = Release(bundle=bundle.digest, **texts)
    gate = {"sentence": HIDING, HIDING: HIDING}
    make = partial(next_entry, event=Event.PROMOTE, by=HIDING, reason=HIDING, release=release, gate=gate, target=HIDING)
    Ledger(ours).append("production", make, bundle.path)
    (ours / "pyproject.toml").write_text(ENVIRONMENT)
    return ours


@pytest.mark.parametrize(
    "command",
    [
        ("history", "production"),
        ("show", "production"),
        ("status",),
        ("ci", "delivery", "production"),
        ("rollback", "production", "--reason", HIDING),
        ("ledger", "distrust", HIDING, "--reason", "x"),
        ("ledger", "distrust", "", "--reason", HIDING),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_text_of_an_entry_is_obeyed_by_a_terminal(poisoned, monkeypatch, command):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    done = slipway(poisoned, *command)
    shown = done.stdout + done.stderr
    assert not set("\x1b\x07\x9b\u202e\u2066\ufeff\r") & set(shown), repr(shown)
    assert not re.search("^production 9: promote", shown, re.MULTILINE), "a line that no command has printed"
    assert "Traceback" not in shown and shown


def test_unblock_frees_by_the_first_digits(rolled_back, toys):
    digest = toys["crops"].bundle.digest
    done = slipway(rolled_back, "ledger", "unblock", "production", digest[:12], "--reason", "it was the network")
    assert done.returncode == 0, done.stderr
    newest = Ledger(rolled_back).read("production")
    assert (newest.event, newest.blocked, newest.reason) == (Event.UNBLOCK, {}, "it was the network")
    again = slipway(rolled_back, "ledger", "unblock", "production", digest, "--reason", "again")
    assert again.returncode == 1
    assert "(none)" in again.stderr


def test_unblock_wants_one_digest(rolled_back, toys):
    rents = toys["rents"].bundle
    Ledger(rolled_back).append(
        "production",
        lambda newest: next_entry(
            newest, Event.FAILED, by=BY, release=msgspec.structs.replace(newest.serving, bundle=rents.digest)
        ),
        rents.path,
    )
    done = slipway(rolled_back, "ledger", "unblock", "production", "", "--reason", "all of them")
    assert done.returncode == 1
    assert rents.digest[:12] in done.stderr
    assert "matches 2 of the blocked bundles" in done.stderr


def test_verify_counts_and_finds(hub, rolled_back, tmp_path):
    done = slipway(rolled_back, "ledger", "verify")
    assert done.stdout == "verified: 4 commits, production 3, staging 0\n"
    assert json.loads(slipway(rolled_back, "ledger", "verify", "--json").stdout)["entries"]["production"] == 3
    hand = clone(hub, tmp_path / "hand", "--branch", "deployments")
    (hand / "production.json").write_text("{}")
    git(hand, "commit", "--quiet", "-am", "by hand")
    git(hand, "push", "--quiet")
    bad = slipway(rolled_back, "ledger", "verify")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("Error: The ledger is damaged at commit")
    assert "Traceback" not in bad.stderr
