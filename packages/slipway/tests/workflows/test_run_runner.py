"""The runner itself: what it must not swallow."""

import json
import sys

import psutil
import pytest
import runner
from ledgerbox import git

HEAD = "on: push\njobs:\n"
PINNED = "3d3c42e5aac5ba805825da76410c181273ba90b1"


@pytest.fixture
def run(tmp_path):
    """Run a workflow with these jobs in a repository that holds nothing else."""
    world, clone = tmp_path / "world", tmp_path / "clone"
    world.mkdir()
    clone.with_suffix(".event").write_text(json.dumps({"repository": {"private": False}}))

    def go(jobs):
        path = clone / ".github" / "workflows" / "one.yml"
        path.parent.mkdir(parents=True)
        path.write_text(HEAD + jobs)
        git(tmp_path, "init", "--quiet", "--initial-branch", "main", str(clone))
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "one")
        variables = {"GITHUB_REPOSITORY": "acme/model", "GITHUB_RUN_ID": "1"}
        notes = world / "times.jsonl"
        return runner.run_act(clone, world, "one.yml", "push", number=1, variables=variables, options=[], notes=notes)

    return go


def job(name, step, label="ubuntu-24.04", **more):
    lines = [f"  {name}:", f"    runs-on: {label}", *(f"    {key}: {value}" for key, value in more.items())]
    return "\n".join([*lines, "    steps:", f"      - {step}", ""])


def test_every_job_has_its_result_its_words_and_its_summary(run):
    found = run(
        job("good", 'run: echo well done; echo "## fine" >> "$GITHUB_STEP_SUMMARY"')
        + job("bad", "run: exit 3")
        + job("after", "run: echo never", needs="bad")
    )
    assert found.results == {"good": "success", "bad": "failure", "after": "skipped"}
    assert not found.passed
    assert "well done" in found.said("good")
    assert found.jobs["good"].summary == "## fine\n"


def test_a_job_for_a_machine_that_is_not_there_is_no_success(run):
    with pytest.raises(AssertionError, match="unsupported platform"):
        run(job("lost", "run: echo", label="windows-2025"))


def test_an_action_without_a_stand_in_fails(run):
    found = run(job("lost", f"uses: nobody/knows@{PINNED}"))
    assert found.results == {"lost": "failure"}


def test_an_input_that_a_stand_in_does_not_know_fails(run):
    with pytest.raises(AssertionError, match="no input sparse-checkout"):
        run(job("lost", f"uses: actions/checkout@{PINNED}\n        with:\n          sparse-checkout: src"))


# As act does after a step, when it could not write the sign.
WAITING = """
import os, pty
reads, writes = pty.openpty()
print('{"msg": "Failed to write EOT"}', flush=True)
while os.read(reads, 100) != b"\\x04":
    pass
"""


def test_a_runner_that_waits_for_a_sign_which_it_could_not_write_gets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LONGEST", 30)
    (tmp_path / "world").mkdir()
    command = [sys.executable, "-c", WAITING]
    lines = runner._lines(command, tmp_path, tmp_path / "world", {}, None)
    assert lines == ['{"msg": "Failed to write EOT"}', "exit 0"]


def test_what_hangs_below_the_runner_ends_with_it(tmp_path, run, monkeypatch):
    monkeypatch.setattr(runner, "LONGEST", 2)
    with pytest.raises(AssertionError, match="did not end within 2 s"):
        run(job("slow", "run: sleep 60"))
    below = [each for each in psutil.process_iter(["cmdline", "status"]) if str(tmp_path) in str(each.info["cmdline"])]
    # One that has ended is listed until its parent, or the system, has asked how.
    assert not [each for each in below if each.info["status"] != psutil.STATUS_ZOMBIE]
