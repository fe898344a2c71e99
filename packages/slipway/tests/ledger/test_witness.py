"""A branch that was set back is noticed by clones that have never seen it before."""

import pytest
from ledgerbox import BY, ENVIRONMENTS, branch, clone, deploy, git, make_hub

from slipway.errors import LedgerError
from slipway.ledger import Ledger


@pytest.fixture
def released(hub, ours, churn):
    """A hub whose ledger has two releases in production."""
    deploy(ours, churn.bundle)
    deploy(ours, churn.bundle, reason="again")
    return hub


def witnesses(folder):
    shown = git(folder, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/tags")
    return dict(line.split() for line in shown.splitlines())


def test_each_entry_of_production_leaves_a_tag_in_the_same_push(released, ours, churn):
    deploy(ours, churn.bundle, "staging")
    tip = branch(released)
    expected = {f"ledger/production/{number}": git(released, "rev-parse", f"{tip}~{3 - number}") for number in range(3)}
    assert witnesses(released) == expected


def test_a_repository_without_a_remote_keeps_them_too(alone, churn, tmp_path):
    deploy(alone, churn.bundle)
    assert list(witnesses(alone)) == ["ledger/production/0", "ledger/production/1"]
    for reference in ("refs/heads/deployments", "refs/slipway/ledger"):
        git(alone, "update-ref", "-d", reference)
    with pytest.raises(LedgerError, match=r"was set back.*ledger/production/1.*found no such branch.*git update-ref"):
        Ledger(alone).read("production")
    with pytest.raises(LedgerError, match="was set back"):
        Ledger(alone).init(ENVIRONMENTS, BY, "as if nothing had been")


def set_back_to_genesis(hub, tip):
    git(hub, "update-ref", "refs/heads/deployments", f"{tip}~2")


def set_back_by_one(hub, tip):
    git(hub, "update-ref", "refs/heads/deployments", f"{tip}~1")


def deleted(hub, tip):
    git(hub, "update-ref", "-d", "refs/heads/deployments")


def begun_again(hub, tip):
    deleted(hub, tip)
    other = make_hub(hub.parent / "elsewhere")
    Ledger(clone(other, hub.parent / "stranger")).init(ENVIRONMENTS, BY, "another one")
    git(hub, "fetch", "--quiet", str(other), "deployments:deployments")


def another_release_in_its_place(hub, tip):
    """The entry was replaced by another one of the same number."""
    commit = git(hub, "commit-tree", f"{tip}^{{tree}}", "-p", f"{tip}~1", "-m", "the same, by somebody else")
    git(hub, "update-ref", "refs/heads/deployments", commit)


def newer_witness_on_an_old_entry(hub, tip):
    """The branch was set back, and a higher number given to an entry that is left."""
    set_back_by_one(hub, tip)
    git(hub, "tag", "ledger/production/9", f"{tip}~1")


def witness_moved_to_an_old_entry(hub, tip):
    """The branch was set back, and the tag of the lost entry moved to one that is left."""
    set_back_by_one(hub, tip)
    git(hub, "tag", "--force", "ledger/production/2", f"{tip}~1")


def all_witnesses_moved_to_the_genesis(hub, tip):
    set_back_to_genesis(hub, tip)
    for number in (1, 2):
        git(hub, "tag", "--force", f"ledger/production/{number}", f"{tip}~2")


def every_witness_but_the_newest_deleted(hub, tip):
    set_back_by_one(hub, tip)
    for number in (0, 1):
        git(hub, "tag", "--delete", f"ledger/production/{number}")


HARM = (
    set_back_to_genesis,
    set_back_by_one,
    deleted,
    begun_again,
    another_release_in_its_place,
    newer_witness_on_an_old_entry,
    witness_moved_to_an_old_entry,
    all_witnesses_moved_to_the_genesis,
    every_witness_but_the_newest_deleted,
)


@pytest.mark.parametrize("depth", [(), ("--depth=1", "--no-single-branch")], ids=["whole", "shallow"])
@pytest.mark.parametrize("harm", HARM)
def test_a_fresh_clone_refuses_a_branch_that_was_set_back(released, tmp_path, harm, depth):
    tip = branch(released)
    harm(released, tip)
    fresh = clone(released, tmp_path / "fresh", *depth)
    with pytest.raises(LedgerError, match=r"was set back.*ledger/production/2|The tag ledger/production/2 was moved"):
        Ledger(fresh).read("production")
    git(released, "update-ref", "refs/heads/deployments", tip)
    git(released, "tag", "--force", "ledger/production/2", tip)
    git(released, "update-ref", "-d", "refs/tags/ledger/production/9")
    assert Ledger(fresh).read("production").number == 2


def test_the_command_of_the_refusal_brings_the_entry_back(released, tmp_path):
    set_back_by_one(released, branch(released))
    fresh = clone(released, tmp_path / "fresh")
    with pytest.raises(LedgerError) as refused:
        Ledger(fresh).read("production")
    fetch, push = str(refused.value).split("bring the entry back: `")[1].split("`.")[0].split("` and `")
    for command in (fetch, push):
        git(fresh, *command.split()[1:])
    assert Ledger(fresh).read("production").number == 2


def test_a_clone_that_was_made_while_the_remote_cannot_be_reached_looks_at_its_own_tags(released, tmp_path):
    set_back_by_one(released, branch(released))
    fresh = clone(released, tmp_path / "fresh")
    released.rename(tmp_path / "gone")
    with pytest.raises(LedgerError, match="was set back"):
        Ledger(fresh).read("production")


def test_a_ledger_of_before_the_witnesses_is_read_and_gets_them_with_the_next_entry(released, churn, tmp_path):
    for tag in witnesses(released):
        git(released, "update-ref", "-d", f"refs/tags/{tag}")
    fresh = clone(released, tmp_path / "fresh")
    assert Ledger(fresh).read("production").number == 2
    assert deploy(fresh, churn.bundle).number == 3
    assert list(witnesses(released)) == ["ledger/production/3"]


def test_a_tag_that_somebody_made_in_advance_is_named_and_nothing_is_written(released, ours, churn):
    before = branch(released)
    git(released, "tag", "ledger/production/3", f"{before}~1")
    with pytest.raises(LedgerError, match=r"Nothing was written.*tag refs/tags/ledger/production/3 exists already"):
        deploy(ours, churn.bundle)
    assert branch(released) == before


def test_an_entry_and_its_witness_arrive_together_or_not_at_all(released, ours, churn):
    hook = released / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) exit 1;; esac\n')
    hook.chmod(0o755)
    before = branch(released)
    with pytest.raises(LedgerError, match="Nothing was written"):
        deploy(ours, churn.bundle)
    assert branch(released) == before
