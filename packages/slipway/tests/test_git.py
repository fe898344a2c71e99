"""One runner of git: one environment, and an exit code, a timeout and a signal told apart."""

import pytest
from ledgerbox import git, make_repository

from slipway.errors import GateError
from slipway.git import Git


@pytest.fixture
def root(tmp_path):
    return make_repository(tmp_path / "repository")


def program(folder, text, monkeypatch):
    """Put a program named git before the real one."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_hook_s_variables_do_not_lead_to_another_repository(root, tmp_path, monkeypatch):
    other = make_repository(tmp_path / "other")
    git(other, "commit", "--quiet", "--allow-empty", "-m", "one more")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert Git(root, GateError).run("rev-list", "--count", "HEAD").strip() == "3"


def test_the_user_s_configuration_applies(root, tmp_path, monkeypatch):
    (tmp_path / "config").write_text("[user]\n\tname = Ada\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert Git(root, GateError).attempt("config", "--get", "user.name").text == "Ada"


def test_nothing_is_translated_or_paged_and_a_password_is_asked_for_only_by_choice(root, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.delenv("GIT_TERMINAL_PROMPT", raising=False)
    program(tmp_path / "bin", 'echo "$LC_ALL $GIT_TERMINAL_PROMPT $GIT_PAGER"', monkeypatch)
    assert Git(root, GateError).run("status") == "C 0 cat\n"
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
    assert Git(root, GateError).run("status") == "C 1 cat\n"


def test_an_exit_code_is_an_answer_or_an_error_in_git_s_own_words(root):
    runner = Git(root, GateError)
    done = runner.attempt("cat-file", "-e", "nope")
    assert done.exit_code == 128
    with pytest.raises(
        GateError, match=r"`git cat-file` failed in .*repository: fatal: Not a valid object name nope\."
    ):
        runner.run("-c", "core.pager=cat", "cat-file", "-e", "nope")


def test_a_timeout_and_a_signal_are_told_apart_from_a_failure(root, tmp_path, monkeypatch):
    program(tmp_path / "bin", 'case "$1" in fetch) exec sleep 30;; *) kill -TERM $$;; esac', monkeypatch)
    with pytest.raises(GateError, match=r"`git fetch` did not end within 0\.5 s"):
        Git(root, GateError).attempt("fetch", seconds=0.5)
    with pytest.raises(GateError, match="`git push` was ended by SIGTERM"):
        Git(root, GateError).attempt("push")


def test_a_machine_without_git_and_a_folder_that_is_missing_are_named(root, tmp_path, monkeypatch):
    with pytest.raises(GateError, match=r"folder .*missing does not exist"):
        Git(tmp_path / "missing", GateError).run("status")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GateError, match="Install git"):
        Git(root, GateError).run("status")
    assert not Git(root, GateError).is_repository()


def test_a_folder_outside_of_any_repository_is_none(root, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert Git(root, GateError).is_repository()
    assert not Git(tmp_path, GateError).is_repository()


def test_an_object_that_is_not_there_has_no_name_and_no_order(root):
    runner = Git(root, GateError)
    head = runner.resolve("HEAD")
    assert head == git(root, "rev-parse", "HEAD")
    assert runner.resolve("refs/heads/nope") is None
    assert runner.descends(head, git(root, "rev-parse", "HEAD~1"))
    assert not runner.descends(git(root, "rev-parse", "HEAD~1"), head)
    with pytest.raises(GateError, match="cannot compare"):
        runner.descends(head, "0" * 40)


def test_the_working_tree_is_compared_with_its_commit(root, tmp_path):
    runner = Git(root, GateError)
    assert runner.read_working_tree() == (git(root, "rev-parse", "HEAD"), [])
    (root / "code.txt").write_text("changed")
    (root / "with a blank.txt").write_text("new")
    git(root, "add", "with a blank.txt")
    (root / "beside.txt").write_text("new")
    assert runner.read_working_tree().changed == ["code.txt", "with a blank.txt", "beside.txt"]
    assert runner.read_working_tree("--untracked-files=no", "--", "code.txt").changed == ["code.txt"]
    git(root, "stash", "--quiet")
    git(root, "checkout", "--quiet", "-b", "other", "HEAD~1")
    (root / "code.txt").write_text("another version")
    git(root, "commit", "--quiet", "-am", "other")
    git(root, "merge", "main", check=False)
    assert runner.read_working_tree("--untracked-files=no").changed == ["code.txt"], "a conflict"
    git(tmp_path, "init", "--quiet", "empty")
    assert Git(tmp_path / "empty", GateError).read_working_tree() == (None, [])


def test_a_working_tree_of_which_git_says_nothing_is_not_taken_for_clean(root, tmp_path, monkeypatch):
    program(tmp_path / "bin", "exit 0", monkeypatch)
    with pytest.raises(GateError, match=r"`git status` printed another answer than expected in .*: \(no output\)"):
        Git(root, GateError).read_working_tree()
