"""What jobs start from: the session's environment, a smaller one for the pipeline, uv as the set-up installs it.

The stand-in for checkout puts them in place, so that the set-up of a job installs only the difference.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import yaml
from places import ROOT

SESSION = Path(sys.prefix)
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
# The machine's own, as a runner has it: `uv run` puts the session's first, which has no pip.
_PATH = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if Path(each) != SESSION / "bin")
PYTHON = shutil.which("python3", path=_PATH)
_SETUP = ROOT / ".github" / "actions" / "setup"
_PIPELINE = ("sync", "--locked", "--no-default-groups", "--group", "pipeline", "--quiet")


def install_uv(folder: Path) -> None:
    """Install uv in `folder` by the command of the set-up."""
    steps = yaml.safe_load((_SETUP / "action.yml").read_text())["runs"]["steps"]
    (command,) = (step["run"] for step in steps if "pip install" in step.get("run", ""))
    parts = folder.with_name(f"{folder.name}.temp")
    environment = {**os.environ, "PATH": _PATH, "RUNNER_TEMP": str(parts), "GITHUB_ACTION_PATH": str(_SETUP)}
    subprocess.run(["bash", "-euc", command], env=environment, check=True)
    (parts / "uv").rename(folder)
    parts.rmdir()


def make_small(folder: Path) -> None:
    """Make the environment of the pipeline in `folder` from the session's: its files are hard links."""
    if subprocess.run(["cp", "-al", SESSION, folder], stderr=subprocess.DEVNULL).returncode:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SESSION, folder, symlinks=True)
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(folder)
    subprocess.run([UV, *_PIPELINE], cwd=ROOT, env=environment, check=True)


def remove(folder: Path) -> None:
    """Remove what jobs have left in `folder`, when they have ended."""
    for place in psutil.disk_partitions(all=True):
        if Path(place.mountpoint).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", place.mountpoint])
    shutil.rmtree(folder, ignore_errors=True)
