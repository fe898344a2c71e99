"""`slipway new` in a copy of this repository: what it leaves is checked, trained, evaluated and judged as it stands."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledgerbox import git
from newtables import customers, payments, sales, wines
from places import ROOT, python_path
from running import free_port

from slipway.evaluation.result import find_metric, read_evaluation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TABLES = {
    "churn": (customers, "customers.csv", "--target", "Churn", "--drop", "closed at", "--key", "customerID"),
    "wine": (wines, "wines.csv", "--target", "grape"),
    "revenue": (sales, "sales.parquet", "--target", "revenue", "--time", "sold_at"),
    "fraud": (payments, "payments.parquet", "--target", "fraud", "--group", "account", "--time", "at"),
}
STAGES = """
import sys
sys.path.insert(0, "pipeline")
import validate, prepare, train, evaluate
for stage in (validate.validate, prepare.prepare, train.train, evaluate.evaluate):
    print(stage())
"""


class Repository:
    """A copy of this repository with one commit, and commands that run its own code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in listed:
            if name and (ROOT / name).exists() and not name.startswith("packages/slipway/tests/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", "the template")

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=280,
        )

    def start(self, *words: str) -> subprocess.Popen:
        command = [sys.executable, str(Path(sys.executable).parent / "slipway"), *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=self._environment(), **pipes)

    def _environment(self) -> dict[str, str]:
        programs = (str(Path(sys.executable).parent), str(ROOT / ".tools" / "bin"))
        # A worker of these tests is none of those that it starts.
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment = {
            **own,
            "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
            "PYTHONPATH": python_path(self.folder),
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        return environment

    def slipway(self, *words: str) -> subprocess.CompletedProcess:
        return self.run(str(Path(sys.executable).parent / "slipway"), *words)


def begin(folder: Path, name: str) -> tuple[Repository, list[str]]:
    """A copy and the words that make it `name`'s."""
    make, file, *roles = TABLES[name]
    repository = Repository(folder / "a clone")
    table = make()
    table.to_csv(folder / file, index=False) if file.endswith("csv") else table.to_parquet(folder / file)
    return repository, ["new", name, "--from", str(folder / file), *roles]


@pytest.fixture(scope="module", params=TABLES)
def made(request, tmp_path_factory):
    repository, words = begin(tmp_path_factory.mktemp(request.param), request.param)
    done = repository.slipway(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return request.param, repository, words


@pytest.fixture(scope="module")
def trained(made):
    _, repository, _ = made
    done = repository.run("-c", STAGES)
    assert done.returncode == 0, done.stdout + done.stderr
    return repository, done.stdout


def test_what_it_leaves_is_validated_trained_and_better_than_the_baseline(trained):
    repository, said = trained
    assert "rules hold" in said and "sealed bundle" in said
    found = read_evaluation(repository.folder / "metrics.json")
    metric = find_metric(found, found.primary)
    assert metric.value < metric.baseline.value
    tests = repository.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", "-k", "not actionlint")
    assert tests.returncode == 0, tests.stdout[-3000:]


@pytest.mark.parametrize("made", ["revenue"], indirect=True)
def test_the_sources_are_clean_and_nothing_of_the_example_is_left(made):
    _, repository, _ = made
    for command in (("ruff", "check", "src", "tests"), ("ruff", "format", "--check", "src", "tests"), ("mypy",)):
        done = repository.run("-m", *command)
        assert done.returncode == 0, done.stdout + done.stderr
    git(repository.folder, "add", "--all")
    left = git(repository.folder, "grep", "--cached", "-il", "flights", "--", ".", ":!packages", ":!docs", check=False)
    assert left == ""


def test_a_second_run_changes_nothing(made):
    _, repository, words = made
    git(repository.folder, "add", "--all")
    before = git(repository.folder, "write-tree")
    again = repository.slipway(*words)
    git(repository.folder, "add", "--all")
    assert (again.returncode, "Nothing changed" in again.stdout) == (0, True)
    assert git(repository.folder, "write-tree") == before


@pytest.mark.parametrize("made", ["fraud"], indirect=True)
def test_the_commands_of_the_tutorial_bring_the_first_model_to_production(made, trained):
    _, repository, words = made
    shown = (ROOT / "docs" / "ten-minutes.md").read_text()
    typed = [shlex.split(line, comments=True) for line in re.findall(r"^ {4}uv run slipway (.*)$", shown, re.MULTILINE)]
    assert typed[0][4:] == words[4:]
    project = repository.folder / "pyproject.toml"
    for port in ("8101", "8102"):
        project.write_text(project.read_text().replace(port, str(free_port())))
    suggested = repository.slipway("gate", "suggest", "--write", "--retrains", "6")
    assert suggested.returncode == 0, suggested.stderr
    rules = (repository.folder / "gate.yaml").read_text()
    assert "honest retrains" in rules and "measured on nothing" not in rules
    git(repository.folder, "add", "--all")
    git(repository.folder, "commit", "--quiet", "-m", "ours")
    try:
        # The first writes the problem, which is there; the last needs a release before this one.
        done = [repository.slipway(*command) for command in typed[1:-1]]
    finally:
        for environment in ("staging", "production"):
            repository.slipway("stop", environment)
    assert [each.returncode for each in done] == [0] * len(done), [each.stdout + each.stderr for each in done]
    assert [command[0] for command in typed[1:-1]] == ["ledger", "gate", "deploy", "promote", "status", "history"]
    assert "PROMOTE" in done[1].stdout
    assert re.search(r"^production +serves \w{12} since", done[4].stdout, re.MULTILINE)


def test_a_run_that_was_killed_is_repeated_and_leaves_what_one_run_leaves(tmp_path):
    whole, words = begin(tmp_path / "whole", "wine")
    assert whole.slipway(*words).returncode == 0
    broken, again = begin(tmp_path / "broken", "wine")
    process = broken.start(*again)
    while not (broken.folder / "data" / "wine" / "table.parquet").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.wait()
    other = broken.slipway(*again, "--task", "regression")
    assert other.returncode == 1 and "text" in other.stderr
    other = broken.slipway(*again, "--drop", "acid")
    assert other.returncode == 1 and "had other options" in other.stderr
    done = broken.slipway(*again)
    assert done.returncode == 0, done.stdout + done.stderr
    trees = []
    for each in (whole, broken):
        git(each.folder, "add", "--all")
        trees.append(git(each.folder, "write-tree"))
    assert trees[0] == trees[1]


def test_what_git_could_not_bring_back_is_not_replaced(tmp_path):
    repository, words = begin(tmp_path, "wine")
    (repository.folder / "tests" / "test_mine.py").write_text("")
    refused = repository.slipway(*words)
    assert refused.returncode == 1 and "tests/test_mine.py" in refused.stderr
    assert git(repository.folder, "status", "--porcelain") == "?? tests/test_mine.py"
    (repository.folder / "data").mkdir()
    shutil.copy(tmp_path / "wines.csv", repository.folder / "data" / "wines.csv")
    inside = repository.slipway("new", "wine", "--from", "data/wines.csv", "--target", "grape")
    assert inside.returncode == 2 and "lies in data/" in inside.stderr
    (repository.folder / "tests" / "test_mine.py").unlink()
    lost = repository.slipway(*words)
    assert lost.returncode == 1 and "data/ is not what data.dvc names" in lost.stderr
    assert (repository.folder / "data" / "wines.csv").exists()


def test_a_dry_run_and_a_missing_target_change_nothing(tmp_path):
    repository, words = begin(tmp_path, "wine")
    plan = repository.slipway(*words, "--dry-run", "--json")
    assert json.loads(plan.stdout)["task"] == "multiclass"
    asked = repository.slipway(*words[:-2])
    assert asked.returncode == 2 and "alcohol, acid, grape" in asked.stderr
    assert git(repository.folder, "status", "--porcelain") == ""
