"""Begin, append, read back: what one person sees of the ledger."""

import msgspec
import pytest
from ledgerbox import BY, ENVIRONMENTS, branch, clone, deploy, deploying, git, make_hub

from slipway.bundle import load_bundle
from slipway.errors import LedgerError
from slipway.ledger import Entry, Event, Ledger, Release, next_entry


def test_there_is_no_ledger_before_somebody_begins_it(tmp_path):
    ours = clone(make_hub(tmp_path), tmp_path / "ours")
    with pytest.raises(LedgerError, match=r"no ledger.*origin.*slipway ledger init"):
        Ledger(ours).read("production")


def test_genesis_entries_stand_in_one_first_commit(hub, ours):
    ledger = Ledger(ours)
    assert ledger.environments() == ["production", "staging"]
    for name in ENVIRONMENTS:
        entry = ledger.read(name)
        assert (entry.number, entry.event, entry.serving, entry.by, entry.reason) == (
            0,
            Event.GENESIS,
            None,
            BY,
            "it begins",
        )
    assert git(hub, "rev-list", "--count", "deployments") == "1"
    assert git(hub, "merge-base", "deployments", "main", check=False) == "", "an orphan"


def test_a_ledger_begins_only_once(hub, ours):
    before = branch(hub)
    with pytest.raises(LedgerError, match=r"Nothing was written: the ledger already has production, staging"):
        Ledger(ours).init(ENVIRONMENTS, BY, "again")
    with pytest.raises(LedgerError, match="already has production"):
        Ledger(ours).init(["canary", "production"], BY, "again")
    assert branch(hub) == before


def test_an_environment_may_be_added_later(ours, theirs):
    Ledger(ours).init(["canary"], BY, "a third one")
    assert Ledger(theirs).environments() == ["canary", "production", "staging"]
    assert Ledger(theirs).verify() == 2


@pytest.mark.parametrize("name", ["Production", "a/b", "", "../staging", "a\nb", "x" * 40])
def test_a_name_that_is_none_is_refused(hub, ours, name):
    before = branch(hub)
    with pytest.raises(LedgerError):
        Ledger(ours).init([name], BY, "odd")
    with pytest.raises(LedgerError, match="has no environment"):
        Ledger(ours).read(name)
    assert branch(hub) == before


def test_an_event_is_read_back_as_it_was_recorded(hub, ours, theirs, churn):
    release = Release(bundle=churn.bundle.digest, image="sha256:1", commit="c", data="d", model="churn/3", run="r")
    gate = {"verdict": "promote", "relative": 0.061}
    written = Ledger(ours).append(
        "production",
        lambda newest: next_entry(newest, Event.PROMOTE, by=BY, reason="better ünd more", release=release, gate=gate),
        churn.bundle.path,
    )
    found = Ledger(theirs).read("production")
    assert found == written
    assert (found.number, found.serving, found.since, found.gate) == (1, release, written.at, gate)
    assert Ledger(theirs).read("staging").number == 0
    shown = git(hub, "log", "-1", "--format=%an <%ae>%n%s%n%b", "deployments")
    assert shown.startswith(f"{BY}\nproduction 1: promote {churn.bundle.digest[:12]}")
    assert "better ünd more" in shown


def test_a_bundle_is_kept_once_and_comes_back_verified(hub, ours, theirs, churn, tmp_path):
    deploy(ours, churn.bundle, "staging")
    trees = git(hub, "rev-parse", "deployments:bundles")
    Ledger(ours).append("production", deploying(churn.bundle, Event.PROMOTE))
    assert git(hub, "rev-parse", "deployments:bundles") == trees
    folder = Ledger(theirs).fetch_bundle(churn.bundle.digest, tmp_path / "got")
    assert folder == tmp_path / "got" / churn.bundle.digest
    assert load_bundle(folder, churn.bundle.digest).digest == churn.bundle.digest
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in churn.bundle.path.iterdir()
    }


def test_a_fetched_bundle_that_was_changed_is_not_used_again(ours, churn, tmp_path):
    deploy(ours, churn.bundle)
    folder = Ledger(ours).fetch_bundle(churn.bundle.digest, tmp_path)
    assert Ledger(ours).fetch_bundle(churn.bundle.digest, tmp_path) == folder
    (folder / "features.py").write_text("edited")
    with pytest.raises(LedgerError, match=r"features\.py was changed"):
        Ledger(ours).fetch_bundle(churn.bundle.digest, tmp_path)


def test_history_is_newest_first_and_ends_with_genesis(ours, toys):
    for name in ("churn", "crops", "rents"):
        deploy(ours, toys[name].bundle)
        deploy(ours, toys[name].bundle, "staging")
    entries = list(Ledger(ours).history("production"))
    assert [entry.number for entry in entries] == [3, 2, 1, 0]
    assert [entry.release.bundle for entry in entries[:-1]] == [
        toys[name].bundle.digest for name in ("rents", "crops", "churn")
    ]
    assert list(Ledger(ours).history("production", limit=2)) == entries[:2]
    assert Ledger(ours).verify() == 7


def test_what_make_raises_is_passed_on_and_nothing_is_written(hub, ours, churn):
    before = branch(hub)

    def make(newest: Entry) -> Entry:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Ledger(ours).append("production", make, churn.bundle.path)
    assert branch(hub) == before


def test_an_entry_that_does_not_follow_is_not_written(hub, ours, churn):
    before = branch(hub)
    for changed in ({"number": 7}, {"environment": "staging"}, {"by": None}):
        with pytest.raises(LedgerError, match="Nothing was written"):
            Ledger(ours).append(
                "production",
                lambda newest, changed=changed: msgspec.structs.replace(deploying(churn.bundle)(newest), **changed),
                churn.bundle.path,
            )
    assert branch(hub) == before


def unsealed(newest: Entry) -> Entry:
    return next_entry(newest, Event.DEPLOY, by=BY, release=Release(bundle="0" * 64))


def test_the_bundle_of_an_entry_must_be_kept_given_and_the_right_one(hub, ours, churn):
    before = branch(hub)
    with pytest.raises(LedgerError, match=r"does not keep yet"):
        Ledger(ours).append("production", deploying(churn.bundle))
    with pytest.raises(LedgerError, match=r"cannot be kept.*expected the bundle 0000"):
        Ledger(ours).append("production", unsealed, churn.bundle.path)
    with pytest.raises(LedgerError, match="has no release"):
        Ledger(ours).append("production", lambda newest: next_entry(newest, Event.UNBLOCK, by=BY), churn.bundle.path)
    assert branch(hub) == before


def test_a_damaged_bundle_is_not_kept(hub, ours, churn, loose_bundle):
    (loose_bundle / "model.onnx").write_bytes(b"")
    before = branch(hub)
    with pytest.raises(LedgerError, match=r"model\.onnx was changed"):
        Ledger(ours).append("production", deploying(churn.bundle), loose_bundle)
    assert branch(hub) == before


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc", ""])
def test_a_bundle_that_is_not_there_is_named(ours, digest, tmp_path):
    with pytest.raises(LedgerError, match="bundle"):
        Ledger(ours).fetch_bundle(digest, tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_who_wrote_reads_what_was_written(ours, churn):
    ledger = Ledger(ours)
    ledger.init(["canary"], BY, "a third one")
    assert ledger.read("canary").number == 0
    assert ledger.append("canary", deploying(churn.bundle), churn.bundle.path) == ledger.read("canary")


def test_git_log_of_the_remote_branch_is_up_to_date_after_writing_and_reading(hub, ours, theirs, churn, tmp_path):
    """In a clone of one branch git itself would not follow the ledger's."""
    single = clone(hub, tmp_path / "single", "--single-branch")
    deploy(single, churn.bundle)
    assert git(single, "rev-parse", "origin/deployments") == branch(hub)
    deploy(ours, churn.bundle)
    Ledger(single).read("production")
    assert git(single, "rev-parse", "origin/deployments") == branch(hub)


def test_one_ledger_asks_once_and_again_when_told(ours, theirs, churn):
    ledger = Ledger(ours)
    assert ledger.read("production").number == 0
    deploy(theirs, churn.bundle)
    assert ledger.read("production").number == 0
    ledger.refresh()
    assert ledger.read("production").number == 1
