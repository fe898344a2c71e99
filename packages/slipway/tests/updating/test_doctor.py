"""`slipway doctor`: each finding has its state and what to do."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ledgerbox import git
from templatebox import ENVIRONMENT, begin

from slipway.updating.doctor import examine_repository
from slipway.updating.findings import State
from slipway.updating.tools import find_tools

PYPROJECT = """\
[project]
name = "mine"
version = "1"
requires-python = ">=3.11,<3.14"
[tool.slipway]
problem = "churn"
results = 3
"""
FORMATS = Path(__file__).parents[1] / "formats" / "settings-0.1.0"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", ENVIRONMENT["PATH"])
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("params.yaml", "gate.yaml", "monitor.yaml"):
        (tmp_path / name).write_text((FORMATS / name).read_text())
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / ".gitattributes").write_text("* text=auto eol=lf\n")
    (tmp_path / ".copier-answers.yml").write_text(f"_src_path: {tmp_path}/nowhere\n")
    subprocess.run(["uv", "lock", "--quiet", "--offline"], cwd=tmp_path, env=ENVIRONMENT, check=True)
    return begin(tmp_path)


def examine(root):
    return {each.subject: each for each in examine_repository(root, print, offline=True)}


def test_a_repository_in_order_has_nothing_to_do(root):
    found = examine(root)
    assert [each for each in found.values() if each.state is State.TODO] == []
    assert (found["template"].state, found["template"].advice) == (State.NOTE, "run this without --offline")


def test_a_key_that_is_unknown_is_named_with_its_file(root):
    (root / "gate.yaml").write_text((root / "gate.yaml").read_text() + "marign: 0.1\n")
    found = examine(root)["gate.yaml"]
    assert found.state is State.TODO and "marign" in found.found


def test_results_of_another_version_are_to_be_acted_on(root):
    (root / "pyproject.toml").write_text(PYPROJECT.replace("results = 3", "results = 2"))
    found = examine(root)["pyproject.toml, params.yaml"]
    assert found.state is State.TODO and "found results = 2" in found.found


def test_a_word_of_an_earlier_version_is_named_with_what_replaces_it(root):
    (root / "src" / "churn").mkdir(parents=True)
    (root / "src" / "churn" / "dataset.py").write_text("frame = read_parquet_folder(data)\n")
    found = examine(root)["src/churn/dataset.py"]
    assert (found.state, found.found) == (State.TODO, "read_parquet_folder is deprecated")
    assert "read_folder" in found.advice


def test_a_python_that_the_project_does_not_take_does_not_fit(root):
    assert all(tool.fits for tool in find_tools(root) if tool.needed and tool.name != "uv")
    (root / "pyproject.toml").write_text(PYPROJECT.replace(">=3.11,<3.14", ">=3.99"))
    (python,) = [tool for tool in find_tools(root) if tool.name == "Python"]
    assert not python.fits and "3.99" in python.advice


def test_without_an_engine_there_is_a_note_alone(root, monkeypatch):
    monkeypatch.setenv("SLIPWAY_DOCKER", "no-such-engine")
    assert examine(root)["engine"].state is State.NOTE


def test_a_template_that_is_not_recorded_is_a_note(root):
    (root / ".copier-answers.yml").unlink()
    (found,) = [each for each in examine_repository(root, print) if each.subject == "template"]
    assert found.state is State.NOTE and "slipway update --from" in found.found


def make_environment(root, home, line="#!{}/.venv/bin/python3\n"):
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "dvc").write_text(line.format(home))


def make_quoted_environment(root):
    make_environment(root, "/a folder", "#!/bin/sh\n'''exec' '{}/.venv/bin/python' \"$0\" \"$@\"\n")


def depend_on_more(root):
    project = root / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "1"', 'version = "1"\ndependencies = ["six"]'))


@pytest.mark.parametrize(
    ("harm", "subject", "found", "advice"),
    [
        (lambda root: (root / "uv.lock").unlink(), "uv.lock", "missing, or older than", "uv lock"),
        (depend_on_more, "uv.lock", "missing, or older than pyproject.toml", "uv lock"),
        (
            lambda root: (root / ".dvc" / "config").write_text("[core"),
            "dvc.yaml, .dvc/config",
            "Invalid line",
            "fix it",
        ),
        (
            lambda root: (root / "dvc.yaml").write_text("stages: 3\n"),
            "dvc.yaml, .dvc/config",
            "validation failed",
            "fix it",
        ),
        (lambda root: (root / "dvc.yaml").unlink(), "dvc.yaml", "missing", "git checkout HEAD -- dvc.yaml"),
        (lambda root: (root / "gate.yaml").unlink(), "files", "git has them, 1: gate.yaml", "git checkout"),
        (lambda root: (root / "dvc.yaml").write_bytes(b"stages: {}\r\n"), "files", "Windows line ends", "delete each"),
        (lambda root: make_environment(root, "/another/clone"), "environment", "made in /another", "rm -rf .venv"),
        (make_quoted_environment, "environment", "made in /a folder/.venv", "rm -rf .venv"),
        (lambda root: (root / ".venv").mkdir(), "environment", "no .venv/bin/dvc", "rm -rf .venv"),
        (lambda root: shutil.rmtree(root / ".git"), "files", "no git repository", "git init"),
    ],
)
def test_what_make_test_would_fail_on_is_to_be_acted_on(root, harm, subject, found, advice):
    harm(root)
    (finding,) = [
        each
        for each in examine_repository(root, print, offline=True)
        if each.subject == subject and each.state is State.TODO
    ]
    assert found in finding.found and finding.advice.startswith(advice)


def test_a_clone_in_order_and_a_file_in_conflict(root):
    make_environment(root, root)
    assert {examine(root)[name].state for name in ("files", "uv.lock", "environment", "dvc.yaml, .dvc/config")} == {
        State.OK
    }
    git(root, "checkout", "--quiet", "-b", "other")
    for branch, text in (("other", "a: 1"), ("main", "b: 2")):
        git(root, "checkout", "--quiet", branch)
        (root / "params.yaml").write_text(text)
        git(root, "commit", "--quiet", "--all", "-m", branch)
    git(root, "merge", "--quiet", "other", check=False)
    found = examine(root)["files"]
    assert (found.state, found.found) == (State.TODO, "in conflict, 1: params.yaml")


def test_a_problem_that_cannot_be_imported_is_named(root, monkeypatch):
    (root / "broken.py").write_text("def (")
    monkeypatch.syspath_prepend(str(root))
    (root / "pyproject.toml").write_text(PYPROJECT.replace("churn", "broken"))
    found = examine(root)["pyproject.toml, params.yaml"]
    assert found.state is State.TODO and "SyntaxError" in found.found
