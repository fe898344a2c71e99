"""The entries of the workflow ledger.yml: each action takes its own inputs, and a record only of production's model."""

import gzip
import json
import shutil
import subprocess
from functools import partial

import pytest
from ledgerbox import BY, ENVIRONMENTS, git, make_repository
from places import TESTS
from running import SLIPWAY

from slipway.bundle.manifest import manifest_digest
from slipway.errors import GitHubError, LedgerError
from slipway.github.jobs.ledger_entry import write_ledger_entry
from slipway.ledger import Event, Ledger, Release, next_entry


@pytest.fixture
def root(tmp_path):
    """A repository whose ledger has begun."""
    folder = make_repository(tmp_path / "work")
    git(folder, "config", "user.name", "Grace")
    git(folder, "config", "user.email", "grace@example.invalid")
    Ledger(folder).init(ENVIRONMENTS, BY, "it begins")
    return folder


@pytest.fixture
def digest(root, tmp_path):
    """A bundle that serves in production, and failed in staging."""
    bundle = shutil.copytree(TESTS / "formats" / "bundle-1", tmp_path / "release" / "bundle")
    found = manifest_digest((bundle / "manifest.json").read_bytes())
    write_record(tmp_path / "release", found)
    for name, event in (("production", Event.PROMOTE), ("staging", Event.FAILED)):
        make = partial(next_entry, event=event, by=BY, release=Release(bundle=found))
        Ledger(root).append(name, make, bundle)
    return found


def write_record(folder, bundle, **more):
    path = folder / "evaluation.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"bundle": bundle, **more}).encode()))
    return path


def write(root, action, digest="", environment="production", record=None):
    return write_ledger_entry(root, action, environment, digest, "a reason", record)


def test_a_bundle_is_distrusted_by_the_first_digits_of_its_digest(root, digest):
    entry = write(root, "distrust", digest[:8])
    assert (entry.event, list(entry.distrusted), entry.by) == (
        Event.DISTRUST,
        [digest],
        "Grace <grace@example.invalid>",
    )
    assert Ledger(root).champion() is None


def test_a_blocked_bundle_is_allowed_again(root, digest):
    entry = write(root, "unblock", digest[:8], "staging")
    assert (entry.event, entry.blocked, entry.reason) == (Event.UNBLOCK, {}, "a reason")


def test_an_environment_begins(root):
    entry = write(root, "init", environment="canary")
    assert (entry.environment, entry.number, entry.reason) == ("canary", 0, "a reason")


def test_corrected_rows_are_recorded_with_the_commit_that_is_checked_out(root, digest, tmp_path):
    record = write_record(tmp_path, digest, loss=1)
    entry = write(root, "rebase", record=record)
    assert entry.reason == f"a reason (the rows of commit {git(root, 'rev-parse', 'HEAD')[:12]})"
    assert Ledger(root).fetch_record(digest) == record.read_bytes()


@pytest.mark.parametrize("content", ["another bundle", "damaged", "missing"])
def test_a_record_that_is_not_one_of_production_s_model_writes_nothing(root, digest, tmp_path, content):
    record = write_record(tmp_path, "0" * 64)
    if content == "damaged":
        record.write_bytes(b"not gzip")
    elif content == "missing":
        record.unlink()
    expected = f"expected the record of {digest[:12]}" if content == "another bundle" else "cannot read"
    with pytest.raises(LedgerError, match=f"^Nothing was written: {expected}"):
        write(root, "rebase", record=record)
    assert Ledger(root).read("production").number == 1


@pytest.mark.parametrize(
    ("action", "given", "environment", "said"),
    [
        ("unblock", "", "production", "unblock takes the first digits of a bundle's digest, found ''"),
        ("distrust", "", "production", "distrust takes the first digits"),
        ("rebase", "3fa9", "production", "rebase takes no digest, found '3fa9'"),
        ("init", "3fa9", "canary", "init takes no digest"),
        ("rebase", "", "staging", "rebase records what production's model gets, found the environment staging"),
    ],
)
def test_an_input_that_does_not_fit_the_action_is_named(root, action, given, environment, said):
    with pytest.raises(GitHubError, match=f"^Nothing was written: {said}"):
        write(root, action, given, environment)


def test_the_command_says_what_was_written(root, digest):
    words = ["ci", "entry", "distrust", "production", "--digest", digest[:8], "--reason", "it had seen its test"]
    done = subprocess.run([str(SLIPWAY), *words], cwd=root, capture_output=True, text=True)
    assert done.stdout == "production 2: distrust by Grace <grace@example.invalid>: it had seen its test\n", done.stderr
