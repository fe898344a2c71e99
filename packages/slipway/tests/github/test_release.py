"""A release at GitHub for what an environment serves: by the real command, in a real clone with a real ledger."""

import json
import os
import subprocess

import pytest
from ledgerbox import BY, ENVIRONMENTS, clone, git, make_hub
from running import SLIPWAY, free_port

from slipway.ledger import Event, Ledger, Release, next_entry


@pytest.fixture
def hub(tmp_path):
    return make_hub(tmp_path)


@pytest.fixture
def root(hub, tmp_path):
    folder = clone(hub, tmp_path / "ours")
    Ledger(folder).init(ENVIRONMENTS, BY, "it begins")
    tables = [f"[tool.slipway.environments.{name}]\nport = {free_port()}" for name in ENVIRONMENTS]
    (folder / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "churn"\n' + "\n".join(tables))
    return folder


def deliver(root, bundle, event=Event.DEPLOY, commit="HEAD", target="local", **more):
    source = git(root, "rev-parse", commit) if commit else None
    found = Release(bundle=bundle.digest, commit=source, model="churn/1")
    make = lambda newest: next_entry(newest, event, by=BY, reason="why | not", release=found, target=target, **more)  # noqa: E731
    return Ledger(root).append("production", make, bundle.path)


def slipway(stub, root, *words):
    known = {"GITHUB_API_URL": stub.url, "GITHUB_REPOSITORY": stub.repository, "GITHUB_TOKEN": "workflow-token"}
    return subprocess.run([str(SLIPWAY), *words], cwd=root, env=os.environ | known, capture_output=True, text=True)


def release(stub, root, *words):
    done = slipway(stub, root, "github", "release", "production", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_tag_is_the_entry_its_place_the_source_commit_its_text_the_lineage(stub, root, churn):
    deliver(root, churn.bundle, commit="HEAD~1")
    said = release(stub, root)
    (made,) = stub.releases
    assert made["tag_name"] == said["tag"] == "production-1"
    assert made["target_commitish"] == said["commit"] == git(root, "rev-parse", "HEAD~1")
    assert made["name"] == "production 1: churn/1"
    assert made["body"] == slipway(stub, root, "ci", "delivery", "production").stdout
    assert churn.bundle.digest in made["body"]
    assert said["created"] is True


def test_a_second_time_changes_nothing(stub, root, churn):
    deliver(root, churn.bundle)
    release(stub, root)
    before = stub.changes()
    assert release(stub, root)["created"] is False
    assert stub.changes() == before


def test_what_did_not_change_what_serves_has_no_release_of_its_own(stub, root, toys):
    deliver(root, toys["churn"].bundle)
    deliver(root, toys["crops"].bundle, event=Event.FAILED)
    deliver(root, toys["churn"].bundle, event=Event.FAILED)
    assert release(stub, root)["tag"] == "production-1"


def test_a_rollback_is_a_release_of_the_commit_that_serves_again(stub, root, toys):
    deliver(root, toys["churn"].bundle, commit="HEAD~2")
    deliver(root, toys["crops"].bundle)
    deliver(root, toys["churn"].bundle, event=Event.ROLLBACK, commit="HEAD~2")
    assert release(stub, root)["tag"] == "production-3"
    assert stub.releases[0]["target_commitish"] == git(root, "rev-parse", "HEAD~2")


def test_a_rehearsal_is_called_one(stub, root, churn):
    deliver(root, churn.bundle, target="rehearsal")
    assert release(stub, root)["title"] == "production 1: churn/1 (rehearsal)"
    assert "a rehearsal: nothing stays running" in stub.releases[0]["body"]


def test_a_commit_that_may_not_be_tagged_is_named_in_the_text(stub, root, churn):
    deliver(root, churn.bundle, commit="HEAD~1")
    source = git(root, "rev-parse", "HEAD~1")
    stub.other_workflows.add(source)
    assert release(stub, root)["created"] is True
    assert "target_commitish" not in stub.releases[0]
    assert f"the release is of {source}" in stub.releases[0]["body"]


def test_the_newest_commit_of_main_is_tagged_without_being_named(stub, root, churn):
    """As in a new repository, where every commit touches workflows, and no job may tag one of those by name."""
    deliver(root, churn.bundle)
    stub.newest = git(root, "rev-parse", "HEAD")
    stub.other_workflows.add(stub.newest)
    release(stub, root)
    (made,) = stub.releases
    assert "target_commitish" not in made
    assert "GitHub allows no other" not in made["body"]


@pytest.mark.parametrize("commit", [None, "HEAD"])
def test_what_cannot_be_released_is_said(stub, root, churn, commit):
    if commit is None:
        deliver(root, churn.bundle, commit=None)
    done = slipway(stub, root, "github", "release", "production")
    assert done.returncode == 1
    assert ("names no source commit" if commit is None else "serves nothing") in done.stderr
    assert stub.changes() == []
