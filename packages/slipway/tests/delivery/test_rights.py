"""A process with a secret in its environment runs no code of a bundle, wherever in the bundle or the ledger it lies."""

import os
import pickle
import subprocess
from pathlib import Path

import pytest
from ledgerbox import deploy, git
from running import SLIPWAY
from toybox import reseal

from slipway.bundle import load_bundle

SECRET = "s3cret-of-the-job"
SECRETS = dict.fromkeys(
    ("GITHUB_TOKEN", "GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "COSIGN_PASSWORD"), SECRET
)
COMMANDS = (
    ("ledger", "verify"),
    ("status",),
    ("reconcile", "production"),
    ("gate", "--out", "gate.json"),
    ("choose", "--release", "release"),
    ("rehearse", "no-such-image", "--bundle", "bundle"),
    ("promote", "staging", "production"),
    ("rollback", "production", "--to", "1", "--reason", "it was planted"),
)


@pytest.fixture
def mark(tmp_path) -> Path:
    """A file outside the project, with a line for each process that ran the code: its secret, or nothing."""
    path = tmp_path / "mark"
    path.touch()
    return path


def note(mark: Path) -> str:
    """Code that notes whether the process that runs it has the secret."""
    return (
        "import os as _os\n"
        "try:\n"
        f"    with open({str(mark)!r}, 'a') as _file:\n"
        f"        _file.write(str({SECRET!r} in _os.environ.values()) + '\\n')\n"
        "except OSError:\n"
        "    pass\n"
    )


def run(project, *words: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run([SLIPWAY, *words], cwd=project.root, env=own | SECRETS, capture_output=True, text=True)


@pytest.mark.parametrize("file", ["contract.py", "features.py"])
def test_code_in_a_bundle_of_the_ledger_runs_only_where_no_secret_is(project, mark, file):
    source = (project.bundle / file).read_bytes()
    reseal(project.bundle, file, source + note(mark).encode())
    planted = load_bundle(project.bundle)
    project.evaluate(planted, project.train, project.holdout)
    for environment in ("staging", "production"):
        deploy(project.root, planted, environment)
    mark.write_text("")
    done = {words: run(project, *words) for words in COMMANDS}
    assert done["ledger", "verify"].returncode == 0, done["ledger", "verify"].stderr
    assert done["reconcile", "production"].returncode == 0, done["reconcile", "production"].stderr
    found = mark.read_text().splitlines()
    assert "False" in found, "the service runs it: that it is planted at all"
    assert "True" not in found, "a process with a secret ran it"


def test_a_model_that_is_a_program_is_refused_and_not_opened(project, mark):
    class Program:
        def __reduce__(self):
            return exec, (note(mark),)

    good = load_bundle(project.bundle)
    deploy(project.root, good)
    reseal(project.bundle, "model.onnx", pickle.dumps(Program()))
    for words in (("gate",), ("choose",), ("rehearse", "no-such-image", "--bundle", "bundle")):
        assert run(project, *words).returncode == 1
    assert mark.read_text() == ""


@pytest.mark.parametrize("path", ["conftest.py", "sitecustomize.py", "bundles/__init__.py", "slipway.py"])
def test_code_beside_the_entries_of_the_ledger_is_refused_and_not_run(project, mark, tmp_path, path):
    deploy(project.root, load_bundle(project.bundle))
    place = tmp_path / "by-hand"
    git(project.root, "worktree", "add", "--quiet", str(place), "deployments")
    (place / path).write_text(note(mark))
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "-m", "production 2: deploy")
    git(project.root, "worktree", "remove", "--force", str(place))
    for words in COMMANDS:
        done = run(project, *words)
        assert done.returncode or words[0] in ("status", "rehearse"), (words, done.stdout)
    assert mark.read_text() == ""
