"""`slipway target list|show|add`."""

import json
import tomllib

import pytest
from click.testing import CliRunner

from slipway.cli import main

BEFORE = """# The head.
[tool.slipway]
problem = "none"
results = 3

# Where production runs.
[tool.slipway.environments.production]
target = "local" # for now
port = 8102
workers = 2

# The end.
[tool.other]
x = 1
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in a project with one environment."""
    (tmp_path / "pyproject.toml").write_text(BEFORE)
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str) -> str:
        found = CliRunner().invoke(main, ["target", *words])
        invoke.code = found.exit_code
        return found.output

    return invoke


def files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_list_names_every_target_with_its_extra_and_its_environments(run):
    found = {each["kind"]: each for each in json.loads(run("list", "--json"))}
    assert (found["ecs"]["extra"], found["ecs"]["environments"]) == ("aws", [])
    assert (found["local"]["extra"], found["local"]["environments"]) == (None, ["production"])
    assert found.keys() >= {"batch", "docker", "swarm", "rehearsal"}
    assert "slipway[aws]" in run("list")


@pytest.mark.parametrize("kind", ["batch", "docker", "ecs", "local", "rehearsal", "swarm"])
def test_every_option_is_shown_with_type_default_and_description(run, kind):
    found = json.loads(run("show", kind, "--json"))
    assert all(each["type"] and each["description"] for each in found)
    assert all(each["example"] is not None for each in found if each["default"] is None)


def test_a_new_environment_is_added_once_and_nothing_else_changes(run, tmp_path):
    said = run("add", "ecs", "staging")
    assert "pyproject.toml: wrote [tool.slipway.environments.staging]" in said and "next: " in said
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith(BEFORE)
    assert tomllib.loads(text)["tool"]["slipway"]["environments"]["staging"]["target"] == "ecs"
    before = files(tmp_path)
    assert before.keys() == {"pyproject.toml", "deploy/ecs/service.json", "deploy/ecs/task-definition.json"}
    assert "kept, it was there" in run("add", "ecs", "staging")
    assert files(tmp_path) == before


def test_another_target_of_an_environment_is_replaced_only_when_asked(run, tmp_path):
    said = run("add", "ecs", "production")
    assert run.code == 1 and "has the target local" in said and "--replace" in said
    assert files(tmp_path) == {"pyproject.toml": BEFORE.encode()}
    (tmp_path / "deploy" / "ecs").mkdir(parents=True)
    (tmp_path / "deploy" / "ecs" / "service.json").write_text("ours")
    run("add", "ecs", "production", "--replace")
    assert (tmp_path / "deploy" / "ecs" / "service.json").read_text() == "ours"
    text = (tmp_path / "pyproject.toml").read_text()
    assert all(comment in text for comment in ("# The head.", "# Where production runs.", "# for now", "# The end."))
    table = tomllib.loads(text)["tool"]["slipway"]["environments"]["production"]
    assert (table["target"], table["workers"], "port" in table) == ("ecs", 2, False)


def test_an_unknown_target_is_an_error_that_names_those_that_are_known(run):
    assert "unknown target 'heroku'. Known targets: batch, docker, ecs" in " ".join(run("show", "heroku").split())
    assert run.code == 1
