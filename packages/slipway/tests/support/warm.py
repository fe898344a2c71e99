"""Environments in which the jobs of a run start: that of the session, and a smaller one without what only tests need.

The stand-in for setup-uv lays one of them under a folder of the job's own, where the system lets it, else it copies.
What is left of a job's `uv sync` is the difference.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
from places import ROOT

SESSION = Path(sys.prefix)
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
# Jobs that need no more than this say so in these words.
SMALL = "uv sync --locked --no-default-groups --group pipeline"


def make_small(folder: Path) -> None:
    """The environment of `SMALL` in `folder`, out of the session's: its files are hard links."""
    if subprocess.run(["cp", "-al", SESSION, folder], stderr=subprocess.DEVNULL).returncode:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SESSION, folder, symlinks=True)
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(folder)
    command = [UV, *SMALL.split()[1:], "--quiet"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def remove(folder: Path) -> None:
    """What jobs have left in `folder`, when they have ended."""
    for place in psutil.disk_partitions(all=True):
        if Path(place.mountpoint).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", place.mountpoint])
    shutil.rmtree(folder, ignore_errors=True)
