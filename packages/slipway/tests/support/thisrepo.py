"""This repository as a team has it after "Use this template": its own problem, data and figures, and no ledger yet."""

import shutil
import subprocess
from pathlib import Path

import yaml
from ledgerbox import git
from places import ROOT

# The machinery's own tests run workflows, which would run tests, and so on.
_LEFT_OUT = "packages/slipway/tests/"
# A first model that the template's own beats beyond doubt.
_WEAK = {"max_iter": 20}


def make_template(folder: Path) -> Path:
    """A bare repository in `folder`: the template as the files lie here, with a weaker model in params.yaml."""
    work = folder / "work"
    git(folder, "init", "--quiet", "--initial-branch", "main", str(work))
    for name in _files():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, work / name, follow_symlinks=False)
    params = yaml.safe_load((work / "params.yaml").read_text())
    params["model"][params["model"]["kind"]] |= _WEAK
    (work / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "a first model")
    git(folder, "clone", "--quiet", "--mirror", str(work), "hub.git")
    git(folder / "hub.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    return folder / "hub.git"


def _files() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if name and (ROOT / name).exists() and _stays(name)]


def _stays(name: str) -> bool:
    return not name.startswith(_LEFT_OUT)
