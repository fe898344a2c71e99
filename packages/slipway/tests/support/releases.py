"""Releases of a toy project, brought into its environments."""

import os
import subprocess
import sys

from projectbox import Project
from running import SLIPWAY

from slipway.bundle import Bundle
from slipway.delivery import operations
from slipway.delivery.rollout import Delivered

# Ends its own process, as kill -9 would, when the named function has done its work for the n-th time.
_KILLED = """
import os, signal, sys
name, left = sys.argv.pop(1), int(sys.argv.pop(1))
def watch(frame, event, _):
    global left
    if event == "return" and f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}" == f"slipway.{name}":
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(watch)
from slipway.cli import main
main()
"""


def quiet(line: str) -> None:
    """Say nothing."""


def first(project: Project) -> Delivered:
    """Let production serve a modest model."""
    project.retrain(trees=2)
    operations.deploy(project.root, "staging", quiet)
    return operations.promote(project.root, "staging", "production", quiet)


def better(project: Project) -> Bundle:
    """A candidate that the gate promotes."""
    return project.retrain(trees=8)


def slipway(project: Project, *words: str) -> "subprocess.Popen[str]":
    """The command, as a person types it, in a process of its own."""
    return _run(project, [str(SLIPWAY), *words])


def killed_after(project: Project, function: str, times: int, *words: str) -> "subprocess.Popen[str]":
    """The command in a process that is killed when `function` (below `slipway.`) returns for the n-th time."""
    return _run(project, [sys.executable, "-c", _KILLED, function, str(times), *words])


def _run(project: Project, command: list[str]) -> "subprocess.Popen[str]":
    own = os.environ | {"PYTHONPATH": str(project.root / "src"), "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    return subprocess.Popen(
        command, cwd=project.root, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
