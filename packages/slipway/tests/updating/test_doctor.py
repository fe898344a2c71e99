"""`slipway doctor`: each finding has its state and what to do."""

import os
import sys
from pathlib import Path

import pytest
from templatebox import ENVIRONMENT

from slipway.updating.doctor import State, examine_repository
from slipway.updating.tools import find_tools

PYPROJECT = '[project]\nrequires-python = ">=3.11,<3.14"\n[tool.slipway]\nproblem = "churn"\nresults = 3\n'
FORMATS = Path(__file__).parents[1] / "formats" / "settings-0.1.0"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", ENVIRONMENT["PATH"])
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("params.yaml", "gate.yaml", "monitor.yaml"):
        (tmp_path / name).write_text((FORMATS / name).read_text())
    return tmp_path


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


@pytest.mark.parametrize(
    "lines", ["#!/moved/.venv/bin/python3\n", "#!/bin/sh\n'''exec' '/a folder/.venv/bin/python' \"$0\" \"$@\"\n"]
)
def test_an_environment_of_a_folder_that_was_moved_does_not_fit(root, monkeypatch, lines):
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "dvc").write_text(lines)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    found = examine(root)["DVC"]
    assert found.state is State.TODO and found.advice == "rm -rf .venv && make setup"
    (programs / "dvc").write_text(f"#!{os.path.realpath('/bin/sh')}\n")
    assert examine(root)["DVC"].state is State.OK


def test_without_an_engine_there_is_a_note_alone(root, monkeypatch):
    monkeypatch.setenv("SLIPWAY_DOCKER", "no-such-engine")
    assert examine(root)["engine"].state is State.NOTE


def test_a_template_that_is_not_recorded_is_a_note(root):
    (found,) = [each for each in examine_repository(root, print) if each.subject == "template"]
    assert found.state is State.NOTE and "slipway update --from" in found.found
