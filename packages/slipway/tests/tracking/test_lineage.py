"""Where a bundle comes from, read from a real git repository and a real DVC run."""

import subprocess
import sys

import pytest

from slipway.errors import TrackingError
from slipway.tracking.evidence import hash_lock, read_lineage


def git(root, *command):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *command], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123.dir\n  path: data\n")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  train:\n    cmd: a\n")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    return tmp_path


def test_a_clean_commit_is_named_and_not_dirty(repository):
    found = read_lineage(repository)
    assert (found.commit, found.dirty) == (git(repository, "rev-parse", "HEAD"), False)
    assert (found.data_path, found.data_md5) == ("data", "0123.dir")


@pytest.mark.parametrize("name", ["dvc.lock", "src.py"])
def test_a_changed_or_an_added_file_makes_it_dirty(repository, name):
    with (repository / name).open("a") as file:
        file.write("# changed\n")
    assert read_lineage(repository).dirty is True


def test_outside_a_repository_there_is_no_commit(repository):
    subprocess.run(["rm", "-rf", repository / ".git"], check=True)
    found = read_lineage(repository)
    assert (found.commit, found.dirty) == (None, None)


def test_a_repository_that_git_does_not_trust_is_refused(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    with pytest.raises(TrackingError, match=r"belongs to another user. .* git config --global --add safe\.directory /"):
        read_lineage(repository)


def test_a_repository_without_a_commit_has_none(repository):
    subprocess.run(["rm", "-rf", repository / ".git"], check=True)
    git(repository, "init")
    assert read_lineage(repository).commit is None


@pytest.mark.parametrize("name", ["data.dvc", "dvc.lock"])
def test_a_missing_file_is_named_with_what_writes_it(repository, name):
    (repository / name).unlink()
    with pytest.raises(TrackingError, match=f"There is no {name} in .* `dvc"):
        read_lineage(repository)


@pytest.mark.parametrize("content", ["outs: []\n", "outs:\n- path: data\n", "[]\n", "outs: [\n"])
def test_data_that_dvc_does_not_track_is_refused(repository, content):
    (repository / "data.dvc").write_text(content)
    with pytest.raises(TrackingError, match=r"data\.dvc"):
        read_lineage(repository)


def test_the_lock_hash_changes_with_what_a_stage_used(repository):
    before = hash_lock(repository / "dvc.lock")
    (repository / "dvc.lock").write_text("schema: '2.0'\nstages:\n  train:\n    cmd: b\n")
    assert hash_lock(repository / "dvc.lock") != before


def test_the_lock_hash_that_the_last_stage_sees_is_that_of_the_file_afterwards(tmp_path):
    """DVC adds the entry of a stage after the stage has run."""
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  train: {cmd: echo 1 > model, outs: [model]}\n"
        "  register: {cmd: cp dvc.lock seen, deps: [model], always_changed: true}\n"
    )
    for command in (["init", "-q", "--no-scm"], ["repro", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True)
    assert "register:" not in (tmp_path / "seen").read_text()
    assert "register:" in (tmp_path / "dvc.lock").read_text()
    assert hash_lock(tmp_path / "seen") == hash_lock(tmp_path / "dvc.lock")
