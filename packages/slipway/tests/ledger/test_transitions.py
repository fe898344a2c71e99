"""What an entry may say after the one before it."""

from datetime import datetime

import msgspec
import pytest
from ledgerbox import BY

from slipway.errors import LedgerError
from slipway.ledger import Event, Release, next_entry
from slipway.ledger.transitions import genesis_entry, verify_transition

A, B, C = (Release(bundle=letter * 64) for letter in "abc")


def after(*events):
    """The entry after these events, each a pair of event and release."""
    entry = genesis_entry("production", BY, "it begins")
    for event, release in events:
        entry = next_entry(entry, event, by=BY, reason="why", release=release)
    return entry


def test_a_release_serves_from_its_arrival_on():
    first = after((Event.DEPLOY, A))
    assert (first.number, first.serving, first.since) == (1, A, first.at)
    earlier = msgspec.structs.replace(first, since=first.at.replace(year=2020))
    again = next_entry(earlier, Event.PROMOTE, by=BY, release=msgspec.structs.replace(A, commit="other"))
    assert again.since == earlier.since, "the same bundle serves on"
    assert next_entry(earlier, Event.PROMOTE, by=BY, release=B).since != earlier.since


def test_a_rollback_blocks_what_served_and_a_failure_what_failed():
    back = after((Event.DEPLOY, A), (Event.DEPLOY, B), (Event.ROLLBACK, A))
    assert (back.serving, back.blocked) == (A, {B.bundle: 3})
    failed = next_entry(back, Event.FAILED, by=BY, release=C)
    assert (failed.serving, failed.since, failed.blocked) == (A, back.since, {B.bundle: 3, C.bundle: 4})
    freed = next_entry(failed, Event.UNBLOCK, by=BY, unblock=B.bundle)
    assert (freed.release, freed.serving, freed.blocked) == (None, A, {C.bundle: 4})


def test_what_serves_is_never_blocked_by_its_own_failure_or_rollback():
    assert after((Event.DEPLOY, A), (Event.FAILED, A)).blocked == {}
    assert after((Event.DEPLOY, A), (Event.ROLLBACK, A)).blocked == {}


@pytest.mark.parametrize("event", [Event.DEPLOY, Event.PROMOTE, Event.ROLLBACK, Event.FAILED])
def test_what_follows_may_follow(event):
    before = after((Event.DEPLOY, A), (Event.DEPLOY, B), (Event.ROLLBACK, A))
    verify_transition(before, next_entry(before, event, by=BY, release=C))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"number": 5}, "numbers have no gaps"),
        ({"number": 3}, "numbers have no gaps"),
        ({"environment": "staging"}, "expected environment production"),
        ({"at": datetime(2026, 1, 1)}, "offset from UTC"),
        ({"format": 2}, "expected format 1"),
        ({"event": Event.GENESIS}, "the first one only"),
        ({"release": None}, "expected a release"),
        ({"event": Event.UNBLOCK}, "expected a release for every event but"),
        ({"serving": B}, "to serve after this event"),
        ({"since": None}, "time since which"),
        ({"event": Event.FAILED}, "to leave `serving` and `since`"),
        ({"blocked": {}}, "stay blocked"),
        ({"blocked": {"b" * 64: 3, "a" * 64: 1}}, "expected new blocks"),
        ({"blocked": {"b" * 64: 2}}, "expected new blocks"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_it(changed, rule):
    before = after((Event.DEPLOY, A), (Event.DEPLOY, B), (Event.ROLLBACK, A))
    entry = next_entry(before, Event.DEPLOY, by=BY, release=C)
    verify_transition(before, entry)
    with pytest.raises(LedgerError, match=rule):
        verify_transition(before, msgspec.structs.replace(entry, **changed))


def test_the_first_entry_is_a_genesis_with_nothing_in_it():
    first = genesis_entry("production", BY, "it begins")
    verify_transition(None, first)
    for changed in ({"number": 1}, {"serving": A}, {"event": Event.DEPLOY}, {"blocked": {"a" * 64: 0}}):
        with pytest.raises(LedgerError, match="expected the genesis entry"):
            verify_transition(None, msgspec.structs.replace(first, **changed))
