"""A repository made from this template as a team would: its workflows and machinery, a toy problem, real figures."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import yaml
from gatebox import RULES
from ledgerbox import ENVIRONMENTS, deploy, git
from places import PACKAGED, ROOT, TOYS, python_path
from toybox import toy_params

from slipway.bundle import load_bundle
from slipway.ledger import Ledger
from slipway.settings import quiet_environment

TAKEN = (
    *(".github", "pipeline", *PACKAGED, ".dvc/config", ".dvc/.gitignore", ".dvc/.gitattributes"),
    *("pyproject.toml", "uv.lock", "Makefile", "Dockerfile", "README.md", "dvc.yaml", "mlproject"),
    *(".dockerignore", ".gitignore", ".dvcignore", "deploy/compose/service.yaml"),
)
# Short, but a test: `make test` of a project that has another problem has other tests.
TEST = '''\
"""The example problem."""

from {toy}.contract import Subscriber


def test_a_row_has_a_plan():
    assert "plan" in Subscriber.__struct_fields__
'''


def make_repository(folder: Path, cache: Path, toy: str = "churn") -> Path:
    """A bare repository in `folder`: main with everything `make repro` leaves, and the ledger: production serves it.

    `cache` is DVC's: a later `dvc repro` of the same inputs finds its results there.
    """
    work = folder / "work"
    _write(work, toy)
    (work / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {cache}\n")
    git(folder, "init", "--quiet", "--initial-branch", "main", str(work))
    # A toy's data lie in its own repository, wherever those of the real problem lie.
    dvc(work, "remote", "add", "--quiet", "--force", "--default", "embedded", ".dvc/embedded")
    dvc(work, "add", "--quiet", "data")
    dvc(work, "push", "--quiet", "data.dvc")
    # The stages read what is committed.
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "a problem of our own")
    dvc(work, "repro", "--quiet")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "its figures")
    ledger = Ledger(work)
    ledger.init(ENVIRONMENTS, "Ada <ada@example.invalid>", "the first push")
    for environment in ENVIRONMENTS:
        deploy(work, load_bundle(work / "bundle"), environment)
    git(folder, "clone", "--quiet", "--mirror", str(work), "hub.git")
    # As GitHub does: a run asks for a commit, whatever branch it is on.
    git(folder / "hub.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    return folder / "hub.git"


def dvc(work: Path, *words: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    quiet_environment(environment)
    environment.pop("MLFLOW_TRACKING_URI", None)
    environment["PYTHONPATH"] = python_path(work)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=work, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"dvc {words}: {done.stdout}{done.stderr}"


def _write(work: Path, toy: str) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    for name in TAKEN:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, work / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, work / name)
    shutil.copytree(TOYS / toy, work / "src" / toy, ignore=ignore)
    (work / "tests").mkdir()
    (work / "tests" / f"test_{toy}.py").write_text(TEST.format(toy=toy))
    _settle(work / "pyproject.toml", toy)
    problem = importlib.import_module(f"{toy}.problem").PROBLEM
    (work / "params.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(toy_params(problem)), sort_keys=False))
    (work / "gate.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(RULES), sort_keys=False))
    (work / "data" / "rows").mkdir(parents=True)
    importlib.import_module(f"{toy}.dataset").make(3000, seed=3).to_parquet(
        work / "data" / "rows" / "rows.parquet", index=False
    )


def _settle(path: Path, toy: str) -> None:
    """The lines of pyproject.toml that name the problem, and what its style is held to."""
    text = path.read_text()
    changes = (
        (r'^problem = "\w+"$', f'problem = "{toy}"'),
        (r'^files = \["src", "pipeline"\]$', 'files = ["pipeline"]'),
        (r'^"tests/\*\*" = .*$', rf'\g<0>\n"src/{toy}/**" = ["D1", "ARG", "S"]'),
    )
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
        assert count == 1, f"pyproject.toml has no line {pattern}"
    path.write_text(text)
