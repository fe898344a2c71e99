"""The demo's workspace is a clone that follows the user's tree and never touches it."""

import subprocess

import pytest

from slipway.demo.workspace import open_workspace
from slipway.errors import SettingsError


def git(folder, *command):
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path):
    """A repository with one commit, an edited file and a new one."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "test")
    git(folder, "config", "user.email", "test@example.invalid")
    (folder / ".gitignore").write_text(".demo/\nkept\n")
    for name in ("edited", "deleted", "same"):
        (folder / name).write_text("committed")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    (folder / "edited").write_text("precious")
    (folder / "deleted").unlink()
    (folder / "new").write_text("precious too")
    return folder


def state(root):
    return git(root, "symbolic-ref", "HEAD"), git(root, "status", "--porcelain"), (root / "edited").read_text()


def test_uncommitted_work_comes_along_and_stays_where_it_is(root):
    before = state(root)
    demo = open_workspace(root)
    assert (demo / "edited").read_text() == "precious"
    assert (demo / "new").read_text() == "precious too"
    assert not (demo / "deleted").exists()
    assert (demo / "same").read_text() == "committed"
    assert state(root) == before


def test_the_second_time_it_follows_and_keeps_what_was_ignored(root):
    demo = open_workspace(root)
    (demo / "kept").write_text("a store")
    (root / "edited").write_text("again")
    assert (open_workspace(root) / "edited").read_text() == "again"
    assert (demo / "kept").read_text() == "a store"


@pytest.mark.parametrize("damage", ["empty", "no refs", "file"])
def test_a_half_made_workspace_is_made_again_and_the_users_tree_is_left_alone(root, damage):
    before = state(root)
    broken = root / ".demo" / ".git"
    if damage == "no refs":
        open_workspace(root)
        (broken / "HEAD").unlink()
    else:
        broken.parent.mkdir()
        broken.mkdir() if damage == "empty" else broken.write_text("")
    assert (open_workspace(root) / "edited").read_text() == "precious"
    assert state(root) == before


def test_inside_a_git_hook_the_users_head_stays(root, monkeypatch):
    before = state(root)
    monkeypatch.setenv("GIT_DIR", str(root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / ".git" / "index"))
    open_workspace(root)
    monkeypatch.undo()
    assert state(root) == before


def test_without_a_commit_it_says_what_is_needed(tmp_path):
    with pytest.raises(SettingsError, match="at least one commit"):
        open_workspace(tmp_path)


def test_the_workspace_has_no_remote_to_which_its_ledger_could_go(root):
    assert git(open_workspace(root), "remote") == ""
