"""`slipway ci data` in a real DVC repository: what it fetches, and what it says where it cannot."""

import json
import os
import shutil
import subprocess

import events
import pytest
from bucket import OWNER, ROLE, bucket, credentials
from ledgerbox import git
from running import SLIPWAY
from toyrepo import dvc

from slipway.github.jobs.context import is_from_fork

pytestmark = pytest.mark.slow

SHA = "a" * 40


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A clone whose data lie in its remote `embedded`, a folder, and not here."""
    work = tmp_path_factory.mktemp("pushed") / "work"
    (work / "data").mkdir(parents=True)
    (work / "data" / "rows.csv").write_text("a,b\n1,2\n")
    git(work, "init", "--quiet", "--initial-branch", "main")
    dvc(work, "init", "--quiet")
    dvc(work, "remote", "add", "--quiet", "--default", "embedded", ".dvc/embedded")
    dvc(work, "add", "--quiet", "data")
    dvc(work, "push", "--quiet", "data.dvc")
    shutil.rmtree(work / "data")
    shutil.rmtree(work / ".dvc" / "cache")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "data")
    return work


@pytest.fixture
def work(pushed, tmp_path):
    return shutil.copytree(pushed, tmp_path / "work")


def fetch(work, event=None):
    own = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    # Credentials are those of the test, never a person's or the machine's.
    own |= {"HOME": str(work.parent), "AWS_EC2_METADATA_DISABLED": "true"}
    if event:
        (work.parent / "event.json").write_text(json.dumps(event))
        own["GITHUB_EVENT_PATH"] = str(work.parent / "event.json")
    return subprocess.run([str(SLIPWAY), "ci", "data"], cwd=work, env=own, capture_output=True, text=True)


def test_data_of_a_folder_are_fetched_and_no_output_is_set(work):
    done = fetch(work)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "fetched" in done.stderr, "DVC's own words"
    assert (work / "data" / "rows.csv").exists()


def test_data_of_a_private_bucket_are_fetched_with_a_key_that_may(work):
    with bucket() as private:
        private.take(work, "here")
        shutil.rmtree(work / "data")
        shutil.rmtree(work / ".dvc" / "cache")
        with credentials("key-of-nobody"):
            refused = fetch(work)
        assert refused.returncode == 1
        assert "found: credentials that do not open it, or none" in refused.stdout
        assert "403" in refused.stdout or "Forbidden" in refused.stdout, "what DVC says is quoted"
        with credentials(ROLE):
            done = fetch(work)
    assert done.returncode == 0, done.stderr
    assert (work / "data" / "rows.csv").exists()
    assert {key for key, _ in private.asked} == {OWNER, "key-of-nobody", ROLE}


@pytest.mark.parametrize(
    ("url", "named", "advice"),
    [
        (".dvc/embedded", "/.dvc/embedded", "Run `dvc push data.dvc` where the data are"),
        ("s3://data/here", "s3://data/here", "set the variables SLIPWAY_DATA_ROLE and SLIPWAY_DATA_REGION"),
        ("gs://data/here", "gs://data/here", "The workflows bring both for s3:// only"),
        (None, "the default remote: there is none", "Run `dvc push data.dvc`"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_with_what_to_do(work, url, named, advice):
    shutil.rmtree(work / ".dvc" / "embedded")
    dvc(work, *(("remote", "modify", "embedded", "url", url) if url else ("remote", "remove", "embedded")))
    done = fetch(work)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("trouble=The data that data.dvc names cannot be fetched from ")
    assert f"{named}. " in line and advice in line
    assert line.removeprefix("trouble=") in done.stderr, "and the log has it too"


@pytest.mark.parametrize(
    ("owner", "said"), [(events.STRANGER, "found: a pull request from a fork"), (events.OWNER, "SLIPWAY_DATA_ROLE")]
)
def test_a_pull_request_from_a_fork_is_told_apart_from_one_of_our_own(work, owner, said):
    dvc(work, "remote", "modify", "embedded", "url", "s3://data/here")
    assert said in fetch(work, events.pull_request(7, SHA, SHA, owner=owner)).stdout


def test_a_pull_request_whose_fork_was_deleted_is_one_from_a_fork(tmp_path):
    event = events.pull_request(7, SHA, SHA, owner=events.STRANGER)
    event["pull_request"]["head"]["repo"] = None
    (tmp_path / "event.json").write_text(json.dumps(event))
    assert is_from_fork(tmp_path / "event.json")


def test_a_push_is_from_no_fork(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(events.push(SHA)))
    assert not is_from_fork(tmp_path / "event.json")
