"""The prediction log in a job: from where it is in reach, and a sentence where it is not."""

import pytest
from click.testing import CliRunner

from slipway.cli import main
from slipway.errors import GitHubError
from slipway.github.jobs.production_log import fetch_log

TABLES = '[tool.slipway]\nproblem = "churn"\n[tool.slipway.environments.production]\nport = 8102\n'


@pytest.fixture
def stub(stub):
    stub.private = True
    return stub


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text(TABLES)
    return tmp_path


@pytest.fixture
def fetch(client, root):
    return lambda: fetch_log(client, root, "production", root / "copy")


def put_log(folder):
    folder.mkdir(parents=True)
    (folder / "segment.jsonl").write_text("{}\n")


def copied(root):
    return [path.name for path in (root / "copy").iterdir()]


def test_the_log_of_an_environment_here_is_copied(root, fetch):
    put_log(root / ".slipway" / "environments" / "production" / "log")
    assert fetch() is None
    assert copied(root) == ["segment.jsonl"]


def test_a_folder_of_the_runner_is_copied_whatever_the_target(root, fetch, monkeypatch):
    monkeypatch.setenv("SLIPWAY_TARGET", "rehearsal")
    (root / "pyproject.toml").write_text(f'{TABLES}[tool.slipway.github.logs]\nproduction = "{root}/elsewhere"\n')
    with pytest.raises(GitHubError, match="expected the folder"):
        fetch()
    put_log(root / "elsewhere")
    assert fetch() is None
    assert copied(root) == ["segment.jsonl"]


def test_a_bucket_is_left_to_who_has_its_credentials(root, fetch):
    (root / "pyproject.toml").write_text(f'{TABLES}[tool.slipway.github.logs]\nproduction = "s3://logs/churn"\n')
    assert "s3://logs/churn is a bucket, for which this job has no credentials. Nothing was measured." in fetch()
    assert not (root / "copy").exists()


@pytest.mark.parametrize(
    ("target", "said"), [("rehearsal", "production is a rehearsal"), ("", "on the machine where it runs")]
)
def test_without_a_log_in_reach_a_sentence_says_so(root, fetch, monkeypatch, target, said):
    monkeypatch.setenv("SLIPWAY_TARGET", target)
    sentence = fetch()
    assert sentence.startswith("Schedule without log: ") and said in sentence
    assert "slipway monitor run production" in sentence
    assert not (root / "copy").exists()


def test_in_a_public_repository_no_log_is_fetched(stub, root, fetch):
    stub.private = False
    put_log(root / ".slipway" / "environments" / "production" / "log")
    assert "the repository is public" in fetch()
    assert not (root / "copy").exists()


def test_the_command_prints_the_outputs_of_a_step(stub, root, monkeypatch):
    put_log(root / ".slipway" / "environments" / "production" / "log")
    for name, value in {"API_URL": stub.url, "REPOSITORY": stub.repository, "TOKEN": "workflow-token"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.chdir(root)
    done = CliRunner().invoke(main, ["ci", "log", "production", "--folder", "copy"])
    assert (done.exit_code, done.output) == (0, "found=true\n")
    stub.private = False
    done = CliRunner().invoke(main, ["ci", "log", "production", "--folder", "copy"])
    found, why = done.output.splitlines()
    assert (done.exit_code, found) == (0, "found=false")
    assert why.startswith("why=Schedule without log: ")
