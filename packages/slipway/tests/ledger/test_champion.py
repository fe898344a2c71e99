"""Which release a candidate is compared with, and how a person dethrones one."""

import json
import subprocess

import msgspec
import pytest
from ledgerbox import BY, clone, deploy
from running import SLIPWAY

from slipway.errors import LedgerError
from slipway.ledger import Event, Ledger, next_entry
from slipway.ledger.transitions import verify_transition


@pytest.fixture
def three(ours, toys):
    """churn, crops and rents served, in this order."""
    for name in ("churn", "crops", "rents"):
        deploy(ours, toys[name].bundle)
    return ours


def champion(root):
    found = Ledger(root).champion()
    return found and found.bundle


def test_the_champion_serves_until_a_person_distrusts_it(hub, three, toys, tmp_path):
    digests = [toys[name].bundle.digest for name in ("churn", "crops", "rents")]
    assert champion(three) == digests[2]
    why = "it has seen its own test"
    command = [str(SLIPWAY), "ledger", "distrust", digests[2][:12], "--reason", why]
    done = subprocess.run(command, cwd=three, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"compared with the release {digests[1][:12]}" in done.stdout
    entry = Ledger(clone(hub, tmp_path / "fresh")).read("production")
    assert (entry.event, entry.distrusted, entry.reason) == (Event.DISTRUST, {digests[2]: 4}, why)
    assert entry.serving.bundle == digests[2], "what serves stays"
    assert champion(three) == digests[1]
    for digest in digests[:2]:
        Ledger(three).distrust("production", digest, "so have these")
    assert champion(three) is None, "the baseline"
    assert "expected" not in str(Ledger(three).verify())


def test_a_release_that_was_rolled_back_is_no_champion_either(three, toys):
    digests = [toys[name].bundle.digest for name in ("churn", "crops", "rents")]
    deploy(three, toys["crops"].bundle, event=Event.ROLLBACK)
    assert champion(three) == digests[1]
    Ledger(three).distrust("production", digests[1], "it has seen its own test")
    assert champion(three) == digests[0]
    assert Ledger(three).champion("staging") is None


@pytest.mark.parametrize("digest", ["", "f" * 64])
def test_one_bundle_that_served_is_distrusted_once(three, toys, digest):
    with pytest.raises(LedgerError, match=r"Nothing was written: .* matches \d of the bundles that served"):
        Ledger(three).distrust("production", digest, "any of them")
    Ledger(three).distrust("production", toys["rents"].bundle.digest, "once")
    with pytest.raises(LedgerError, match="matches 0 of the bundles"):
        Ledger(three).distrust("production", toys["rents"].bundle.digest, "twice")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"distrusted": {}}, "to add one bundle"),
        ({"distrusted": {"a" * 64: 4, "b" * 64: 4}}, "to add one bundle"),
        ({"distrusted": {"a" * 64: 3}}, "to add one bundle"),
        ({"blocked": {"a" * 64: 4}}, "leave `blocked`"),
        ({"serving": None, "since": None}, "leave `serving`"),
        ({"event": Event.FAILED}, "expected a release"),
    ],
)
def test_an_entry_that_distrusts_changes_nothing_else(three, changed, rule):
    newest = Ledger(three).read("production")
    entry = next_entry(newest, Event.DISTRUST, by=BY, reason="why", distrust="a" * 64)
    verify_transition(newest, entry)
    with pytest.raises(LedgerError, match=rule):
        verify_transition(newest, msgspec.structs.replace(entry, **changed))


def test_no_other_event_trusts_again(three, toys):
    entry = Ledger(three).distrust("production", toys["rents"].bundle.digest, "why")
    following = next_entry(entry, Event.FAILED, by=BY, release=entry.serving)
    verify_transition(entry, following)
    with pytest.raises(LedgerError, match="expected a distrust event"):
        verify_transition(entry, msgspec.structs.replace(following, distrusted={}))


def test_an_entry_of_before_has_nobody_distrusted(three):
    content = json.loads(msgspec.json.encode(Ledger(three).read("production")))
    del content["distrusted"]
    assert msgspec.convert(content, type(Ledger(three).read("production"))).distrusted == {}
