"""States of a repository in which an update starts, and those in which it changes nothing."""

import pytest
from ledgerbox import git
from templatebox import begin

from slipway.errors import SettingsError
from slipway.updating.changelog import read_sections
from slipway.updating.origin import ANSWERS
from slipway.updating.update import Request, update_repository

MACHINERY = "packages/slipway/pyproject.toml"


@pytest.fixture
def hub(tmp_path):
    """A template of three files without a changelog; the second version adds `conf/new` and changes `both`."""
    hub = tmp_path / "hub"
    (hub / "packages/slipway").mkdir(parents=True)
    (hub / MACHINERY).write_text("")
    (hub / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n')
    (hub / "both").write_text("1\n2\n3\n")
    begin(hub)
    for version in ("v0.1.0", "v0.2.0"):
        if version == "v0.2.0":
            (hub / "conf").mkdir()
            (hub / "conf" / "new").write_text("new\n")
            (hub / "both").write_text("1\n2\n3\n4\n")
            git(hub, "add", "--all")
        git(hub, "commit", "--quiet", "--allow-empty", "-m", version)
        git(hub, "tag", version)
        git(hub, "tag", f"slipway-{version}")
    return hub


@pytest.fixture
def mine(hub, tmp_path):
    git(tmp_path, "clone", "--quiet", "--branch", "v0.1.0", str(hub), "mine", "-c", "advice.detachedHead=false")
    for name in ("user.name", "user.email"):
        git(tmp_path / "mine", "config", name, "hand")
    return tmp_path / "mine"


def update(mine, hub, **request):
    return update_repository(mine, Request(source=str(hub), base="v0.1.0", **request), lambda _: None)


def test_a_detached_head_without_an_upstream_is_no_obstacle(hub, mine):
    assert git(mine, "branch", "--show-current") == "" and read_sections("") == []
    found = update(mine, hub)
    assert (found.changed, found.conflicts, found.lock) == (["both", "conf/new"], [], None)
    assert "_commit: v0.2.0" in (mine / ANSWERS).read_text()


@pytest.mark.parametrize("place", ["conf", "conf/new"])
def test_what_git_does_not_track_is_never_replaced(hub, mine, place):
    """A link that leads nowhere, where the template has a file or a folder."""
    (mine / place).parent.mkdir(exist_ok=True)
    (mine / place).symlink_to("nowhere")
    with pytest.raises(SettingsError, match=f"The template has a file conf/new, and {place} is here, which git does"):
        update(mine, hub)
    assert (mine / place).is_symlink() and git(mine, "status", "--porcelain", "--untracked-files=no") == ""


def test_a_killed_update_is_repeated_after_a_reset(hub, mine):
    """New files that it wrote before its index are untracked, and as the template has them."""
    (mine / "conf").mkdir()
    (mine / "conf" / "new").write_text("mine\n")
    with pytest.raises(SettingsError, match="Nothing changed"):
        update(mine, hub)
    (mine / "conf" / "new").write_text("new\n")
    update(mine, hub, dry_run=True)
    assert (mine / "conf" / "new").exists()
    assert update(mine, hub).changed == ["both", "conf/new"]


def test_a_killed_update_that_was_committed_is_repeated_without_a_conflict(hub, mine):
    update(mine, hub)
    git(mine, "rm", "--quiet", "--cached", ANSWERS)
    (mine / ANSWERS).unlink()
    git(mine, "commit", "--quiet", "--all", "-m", "killed before the version was recorded")
    found = update(mine, hub)
    assert (found.before, found.changed, found.conflicts) == ("v0.1.0", [], [])
    assert "_commit: v0.2.0" in (mine / ANSWERS).read_text()


@pytest.mark.parametrize("operation", ["merge", "cherry-pick", "revert"])
def test_an_operation_in_progress_is_finished_first(hub, mine, operation):
    """Its result may equal HEAD, which looks like a clean working tree."""
    git(mine, "commit", "--quiet", "--allow-empty", "-m", "a")
    (mine / "both").write_text("ours\n")
    git(mine, "commit", "--quiet", "--all", "-m", "ours")
    words = {"merge": ["slipway-v0.2.0"], "cherry-pick": ["slipway-v0.2.0"], "revert": ["HEAD"]}[operation]
    if operation == "revert":
        (mine / "both").write_text("theirs\n")
        git(mine, "commit", "--quiet", "--all", "-m", "later")
        words = ["HEAD~1"]
    git(mine, operation, *words, check=False)
    git(mine, "checkout", "--quiet", "HEAD", "--", ".")
    git(mine, "rm", "--quiet", "--force", "--ignore-unmatch", "conf/new")
    with pytest.raises(SettingsError, match=f"A {operation} is in progress.*git {operation} --abort"):
        update(mine, hub)


def test_a_tag_that_vanished_is_named_with_what_to_type(hub, mine):
    git(hub, "tag", "--delete", "slipway-v0.1.0")
    with pytest.raises(SettingsError, match=r"no tag slipway-v0\.1\.0, which .*slipway update --base VERSION"):
        update(mine, hub)
