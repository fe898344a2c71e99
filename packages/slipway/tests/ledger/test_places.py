"""Wherever one works (shallow clone, worktree, detached head, no remote), the ledger works and touches nothing."""

import socket
from pathlib import Path

import pytest
from ledgerbox import BY, clone, deploy, deploying, git, make_hub
from toybox import reseal

from slipway.bundle import load_bundle
from slipway.errors import LedgerError
from slipway.ledger import Event, Ledger
from slipway.ledger.tip import SEEN


def state(root):
    """Everything of the user's own: head, branches, index, files, what status says."""
    index = git(root, "rev-parse", "--path-format=absolute", "--git-path", "index")
    files = {path.name: path.read_bytes() for path in root.iterdir() if path.is_file() and path.name != ".git"}
    return (
        git(root, "rev-parse", "--symbolic-full-name", "HEAD"),
        git(root, "for-each-ref", "refs/heads", "--format=%(refname) %(objectname)"),
        git(root, "status", "--porcelain"),
        Path(index).read_bytes(),
        files,
    )


def use_it(root, bundle, tmp_path):
    """Write, read, look back, fetch; all of it leaves what is the user's as it was."""
    before = state(root)
    start = Ledger(root).read("production").number
    deploy(root, bundle)
    Ledger(root).append("production", deploying(bundle, Event.FAILED))
    ledger = Ledger(root)
    assert [entry.number for entry in ledger.history("production")] == list(range(start + 2, -1, -1))
    assert ledger.fetch_bundle(bundle.digest, tmp_path / "got").is_dir()
    assert ledger.verify() == start + 3
    assert state(root) == before


def test_a_dirty_tree_and_index_stay_as_they_are(ours, churn, tmp_path):
    (ours / "code.txt").write_text("staged")
    git(ours, "add", "code.txt")
    (ours / "code.txt").write_text("and edited again")
    (ours / "new.txt").write_text("not even added")
    use_it(ours, churn.bundle, tmp_path)


def test_in_the_middle_of_a_merge_conflict(ours, churn, tmp_path):
    git(ours, "checkout", "--quiet", "-b", "other", "HEAD~1")
    (ours / "code.txt").write_text("another version\n")
    git(ours, "commit", "--quiet", "-am", "other")
    git(ours, "merge", "main", check=False)
    assert "UU" in git(ours, "status", "--porcelain")
    use_it(ours, churn.bundle, tmp_path)


def test_on_a_detached_head(ours, churn, tmp_path):
    git(ours, "checkout", "--quiet", "--detach", "HEAD~1")
    use_it(ours, churn.bundle, tmp_path)


def test_in_a_worktree(ours, churn, tmp_path):
    git(ours, "worktree", "add", "--quiet", "-b", "feature", str(tmp_path / "tree"))
    use_it(tmp_path / "tree", churn.bundle, tmp_path)
    assert Ledger(ours).read("production").number == 2


def test_in_a_folder_below_the_root_of_the_repository(ours, churn, tmp_path):
    (ours / "below").mkdir()
    deploy(ours / "below", churn.bundle)
    assert len(list(Ledger(ours / "below").history("production"))) == 2


def test_in_a_hook_that_names_another_index(ours, churn, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index of a hook"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert deploy(ours, churn.bundle).number == 1
    assert not (tmp_path / "index of a hook").exists()


@pytest.mark.parametrize("options", [(), ("--no-single-branch",)], ids=["single branch", "every branch"])
def test_in_a_shallow_clone_which_stays_shallow(hub, ours, churn, toys, tmp_path, options):
    deploy(ours, toys["crops"].bundle)
    shallow = clone(hub, tmp_path / "shallow", "--depth=1", *options)
    use_it(shallow, churn.bundle, tmp_path)
    assert git(shallow, "rev-list", "--count", "main") == "1"


def test_in_a_clone_without_file_contents(hub, ours, churn, toys, tmp_path):
    git(hub, "config", "uploadpack.allowFilter", "true")
    deploy(ours, toys["crops"].bundle)
    use_it(clone(hub, tmp_path / "partial", "--filter=blob:none"), churn.bundle, tmp_path)


def test_a_shallow_copy_that_nobody_completes_is_not_believed(hub, ours, churn, tmp_path):
    deploy(ours, churn.bundle)
    shallow = clone(hub, tmp_path / "shallow", "--depth=1", "--no-single-branch")
    hub.rename(tmp_path / "gone")
    with pytest.raises(LedgerError, match=r"a shallow copy of it: Cannot fetch.*--unshallow"):
        Ledger(shallow).read("production")
    git(shallow, "branch", "deployments", "origin/deployments")
    git(shallow, "remote", "remove", "origin")
    with pytest.raises(LedgerError, match="there is no remote to complete it from"):
        Ledger(shallow).read("production")


def test_a_branch_that_was_made_shallow_later_is_completed(hub, ours, churn, tmp_path):
    Ledger(ours).read("production")
    deploy(clone(hub, tmp_path / "theirs"), churn.bundle)
    deploy(tmp_path / "theirs", churn.bundle)
    git(ours, "fetch", "--quiet", "--depth=1", "origin", "+deployments:refs/remotes/origin/deployments")
    assert Ledger(ours).read("production").number == 2
    assert len(list(Ledger(ours).history("production"))) == 3


def test_without_a_remote(alone, churn):
    assert Ledger(alone).remote is None
    deploy(alone, churn.bundle)
    assert Ledger(alone).read("production").number == 1
    assert Ledger(alone).offline is None
    assert git(alone, "rev-list", "--count", "deployments") == "2"
    assert git(alone, "status", "--porcelain") == ""


def test_a_ledger_that_got_a_remote_is_to_be_pushed_there(alone, churn, tmp_path):
    deploy(alone, churn.bundle)
    hub = make_hub(tmp_path)
    git(alone, "remote", "add", "origin", str(hub))
    for attempt in (lambda: Ledger(alone).read("production"), lambda: Ledger(alone).init(["staging"], BY, "anew")):
        with pytest.raises(LedgerError, match=r"found it in this repository only.*`git push origin deployments 'refs"):
            attempt()
    git(alone, "push", "--quiet", "origin", "deployments", "refs/tags/ledger/*")
    assert deploy(alone, churn.bundle).number == 2
    assert Ledger(clone(hub, tmp_path / "clone")).read("production").number == 2


def test_origin_goes_before_other_remotes_and_the_settings_before_origin(hub, ours, tmp_path):
    (tmp_path / "more").mkdir()
    other = make_hub(tmp_path / "more")
    git(ours, "remote", "add", "another", str(other))
    assert Ledger(ours).remote == "origin"
    (ours / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "toy"\nledger_remote = "another"\n')
    assert Ledger(ours).remote == "another"
    Ledger(ours).init(["staging"], BY, "it begins")
    assert git(other, "rev-list", "--count", "deployments") == "1"
    (ours / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "toy"\nledger_remote = ""\n')
    assert Ledger(ours).remote is None
    (ours / "pyproject.toml").write_text('[tool.slipway]\nresults = 3\nproblem = "toy"\nledger_remote = "mistyped"\n')
    with pytest.raises(LedgerError, match=r"mistyped.*another.*origin"):
        Ledger(ours).read("staging")


def test_the_only_remote_is_taken_whatever_its_name(hub, ours):
    git(ours, "remote", "rename", "origin", "upstream")
    assert Ledger(ours).remote == "upstream"
    git(ours, "remote", "add", "fork", str(hub))
    assert Ledger(ours).remote is None, "nobody said which of two"


def test_reading_goes_on_without_the_remote_and_says_so(hub, ours, churn, tmp_path):
    deploy(ours, churn.bundle)
    hub.rename(tmp_path / "gone")
    ledger = Ledger(ours)
    assert ledger.read("production").number == 1
    assert "Cannot connect to the remote 'origin'" in ledger.offline
    assert ledger.fetch_bundle(churn.bundle.digest, tmp_path / "got").is_dir()
    (tmp_path / "gone").rename(hub)
    ledger.refresh()
    assert ledger.offline is None


def test_writing_needs_the_remote(hub, ours, churn, tmp_path):
    Ledger(ours).read("production")
    hub.rename(tmp_path / "gone")
    called = []
    with pytest.raises(LedgerError, match=r"Nothing was written.*Cannot connect to the remote 'origin'"):
        Ledger(ours).append("production", called.append, churn.bundle.path)
    with pytest.raises(LedgerError, match="Nothing was written"):
        Ledger(ours).init(["canary"], BY, "no remote")
    assert called == []
    (tmp_path / "gone").rename(hub)
    assert Ledger(ours).read("production").number == 0


def test_a_clone_that_never_saw_the_ledger_does_not_take_silence_for_a_new_one(hub, tmp_path):
    fresh = clone(hub, tmp_path / "fresh", "--single-branch")
    hub.rename(tmp_path / "gone")
    with pytest.raises(LedgerError, match="No ledger is known here"):
        Ledger(fresh).read("production")


def test_a_remote_that_never_answers_is_given_up(ours, monkeypatch):
    monkeypatch.setattr("slipway.ledger.remote._PATIENCE", 1.0)
    Ledger(ours).read("production")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        git(ours, "remote", "set-url", "origin", f"git://127.0.0.1:{silent.getsockname()[1]}/hub.git")
        ledger = Ledger(ours)
        assert ledger.read("production").number == 0
        assert "`git ls-remote` did not end within 1 s" in ledger.offline


def test_what_git_itself_fetched_counts_offline(hub, ours, theirs, churn, tmp_path):
    Ledger(ours).read("production")
    deploy(theirs, churn.bundle)
    git(ours, "fetch", "--quiet")
    hub.rename(tmp_path / "gone")
    assert Ledger(ours).read("production").number == 1


def test_what_was_verified_counts_offline_where_the_tracking_branch_is_behind(hub, ours, churn, tmp_path):
    deploy(ours, churn.bundle)
    git(ours, "update-ref", "refs/remotes/origin/deployments", f"{git(ours, 'rev-parse', SEEN)}~1")
    hub.rename(tmp_path / "gone")
    assert Ledger(ours).read("production").number == 1


def test_git_without_an_identity_signs_with_who_acts(hub, ours, churn, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GITHUB_ACTOR", "octavia")
    ledger = Ledger(ours)
    assert ledger.by == "octavia"
    ledger.init(["canary"], ledger.by, "no identity")
    assert git(hub, "log", "-1", "--format=%an <%ae> %cn", "deployments") == "octavia <> octavia"
    ledger.init(["dots"], ' <."> ', "no name at all")
    assert Ledger(ours).read("dots").by == ' <."> '
    git(ours, "config", "user.name", "Grace")
    git(ours, "config", "user.email", "grace@example.invalid")
    assert Ledger(ours).by == "Grace <grace@example.invalid>"
    monkeypatch.delenv("GITHUB_ACTOR")
    git(ours, "config", "--unset", "user.name")
    git(ours, "config", "--unset", "user.email")
    monkeypatch.setenv("LOGNAME", "somebody")
    assert Ledger(ours).by == "somebody"


def test_no_hook_of_the_repository_runs(ours, churn):
    hook = ours / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert deploy(ours, churn.bundle).number == 1


def test_no_line_ending_or_filter_of_the_repository_changes_a_bundle(hub, ours, loose_bundle, tmp_path):
    """Made on a machine whose editor ends lines in its own way, kept by a git that would mend them."""
    git(ours, "config", "core.autocrlf", "true")
    (ours / ".gitattributes").write_text("* text eol=crlf\n")
    reseal(loose_bundle, "contract.py", (loose_bundle / "contract.py").read_bytes().replace(b"\n", b"\r\n"))
    bundle = load_bundle(loose_bundle)
    deploy(ours, bundle)
    got = Ledger(clone(hub, tmp_path / "clone")).fetch_bundle(bundle.digest, tmp_path / "got")
    assert b"\r\n" in (got / "contract.py").read_bytes()


def test_a_folder_that_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(LedgerError, match="not a git repository"):
        Ledger(tmp_path).read("production")
    with pytest.raises(LedgerError, match="does not exist"):
        Ledger(tmp_path / "none").read("production")


def test_replaced_history_is_not_believed(ours, churn):
    deploy(ours, churn.bundle)
    seen = git(ours, "rev-parse", SEEN)
    git(ours, "replace", seen, git(ours, "rev-parse", f"{seen}~1"))
    assert Ledger(ours).read("production").number == 1
