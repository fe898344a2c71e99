"""The evaluation record of a bundle comes to the ledger with it, and only with it."""

import gzip
import hashlib
import json
import shutil

import msgspec
import pytest
from ledgerbox import BY, ENVIRONMENTS, clone, deploying, git, make_hub

from slipway.errors import LedgerError
from slipway.evaluation.record import RECORD, decode_record, make_record, write_record
from slipway.evaluation.scored import score_frame
from slipway.ledger import Ledger
from slipway.ledger.tip import SEEN


@pytest.fixture
def released(churn, tmp_path):
    """A bundle's folder with its evaluation record beside it, as the pipeline leaves them."""
    shutil.copytree(churn.bundle.path, tmp_path / "release" / "bundle")
    scored = score_frame(churn.bundle, churn.holdout)
    record = make_record(churn.bundle, churn.problem, churn.params, scored, churn.holdout)
    write_record(tmp_path / "release" / RECORD, record)
    return tmp_path / "release" / "bundle"


@pytest.fixture
def ours(tmp_path):
    root = clone(make_hub(tmp_path), tmp_path / "ours")
    Ledger(root).init(ENVIRONMENTS, BY, "the ledger begins")
    return root


def test_a_record_is_kept_with_its_bundle_and_fetched_by_a_fresh_clone(churn, released, ours, tmp_path):
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    fresh = Ledger(clone(tmp_path / "hub.git", tmp_path / "fresh"))
    content = fresh.fetch_record(churn.bundle.digest)
    assert content == (released.with_name(RECORD)).read_bytes()
    assert decode_record(content).bundle == churn.bundle.digest
    assert fresh.verify() == 2


def test_a_bundle_may_come_without_a_record(churn, ours):
    Ledger(ours).append("staging", deploying(churn.bundle), churn.bundle.path)
    assert Ledger(ours).fetch_record(churn.bundle.digest) is None


def test_the_record_of_another_bundle_is_not_taken(churn, released, ours):
    record = released.with_name(RECORD)
    record.write_bytes(gzip.compress(gzip.decompress(record.read_bytes()).replace(churn.bundle.digest.encode(), b"0")))
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    assert Ledger(ours).fetch_record(churn.bundle.digest) is None


def test_a_damaged_record_stops_the_entry(churn, released, ours):
    released.with_name(RECORD).write_bytes(b"no gzip")
    with pytest.raises(LedgerError, match=r"Nothing was written: cannot read .*evaluation\.json\.gz"):
        Ledger(ours).append("staging", deploying(churn.bundle), released)
    assert Ledger(ours).read("staging").number == 0


def test_a_record_that_is_changed_later_is_damage(churn, released, ours):
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    git(ours, "checkout", "--quiet", "deployments")
    (ours / "records" / f"{churn.bundle.digest}.json.gz").write_bytes(b"another")
    git(ours, "add", "--all")
    git(ours, "commit", "--quiet", "-m", "by hand")
    git(ours, "push", "--quiet", "origin", "deployments")
    with pytest.raises(LedgerError, match=r"records/.*modified"):
        Ledger(ours).verify()


def test_a_record_without_its_bundle_is_damage(ours):
    git(ours, "checkout", "--quiet", "deployments")
    (ours / "records").mkdir()
    (ours / "records" / f"{'0' * 64}.json.gz").write_bytes(b"stray")
    git(ours, "add", "--all")
    git(ours, "commit", "--quiet", "-m", "by hand")
    git(ours, "push", "--quiet", "origin", "deployments")
    with pytest.raises(LedgerError, match="expected only the record of a new bundle, found that of 000000000000 added"):
        Ledger(ours).verify()


def amend(ours, change):
    """Change what the newest commit of the branch wrote, as if the command had written that."""
    git(ours, "checkout", "--quiet", "deployments")
    git(ours, "reset", "--quiet", "--hard", "origin/deployments")
    change(ours)
    git(ours, "add", "--all")
    git(ours, "commit", "--quiet", "--amend", "--no-edit")
    git(ours, "push", "--quiet", "--force", "origin", "deployments")


def edit_entry(**changed):
    def edit(folder):
        entry = json.loads((folder / "staging.json").read_text()) | changed
        (folder / "staging.json").write_text(json.dumps({name: value for name, value in entry.items() if value != ""}))

    return edit


def test_the_entry_that_brings_a_record_names_its_hash_and_no_other_one_does(churn, released, ours):
    entry = Ledger(ours).append("staging", deploying(churn.bundle), released)
    assert entry.record == hashlib.sha256(released.with_name(RECORD).read_bytes()).hexdigest()
    again = Ledger(ours).append("production", deploying(churn.bundle))
    assert "record" not in msgspec.to_builtins(again)
    assert Ledger(ours).read("staging") == entry


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda folder: next((folder / "records").iterdir()).write_bytes(gzip.compress(b"flattering")),
            r"expected the evaluation record of \w+ to have the hash \w+, as its entry says, found",
        ),
        (edit_entry(record="0" * 64), r"to have the hash 000000000000, as its entry says"),
        (lambda folder: shutil.rmtree(folder / "records"), "names the evaluation record .* and brings none"),
    ],
)
def test_a_record_with_another_hash_than_its_entry_names_is_damage(churn, released, ours, tmp_path, change, said):
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    amend(ours, change)
    with pytest.raises(LedgerError, match=f"The ledger is damaged at commit .*{said}"):
        Ledger(clone(tmp_path / "hub.git", tmp_path / "fresh")).read("staging")


def test_a_record_that_changed_on_the_disk_is_noticed_when_it_is_read(churn, released, ours, tmp_path):
    """The clone has verified the history: only the content of the record is another one now."""
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    amend(ours, lambda folder: next((folder / "records").iterdir()).write_bytes(gzip.compress(b"flattering")))
    fresh = clone(tmp_path / "hub.git", tmp_path / "fresh")
    git(fresh, "update-ref", SEEN, "origin/deployments")
    with pytest.raises(LedgerError, match="as its entry says"):
        Ledger(fresh).fetch_record(churn.bundle.digest)


def test_an_entry_of_before_names_no_record_and_is_read(churn, released, ours, tmp_path):
    Ledger(ours).append("staging", deploying(churn.bundle), released)
    amend(ours, edit_entry(record=""))
    fresh = Ledger(clone(tmp_path / "hub.git", tmp_path / "fresh"))
    assert fresh.verify() == 2
    assert fresh.fetch_record(churn.bundle.digest) == released.with_name(RECORD).read_bytes()
