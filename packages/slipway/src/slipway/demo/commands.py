"""Type a command of `slipway` in the workspace, as a person does."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from slipway.errors import DeliveryError
from slipway.stage import print_progress


def run_slipway(folder: Path, *words: str, must: bool = True) -> int:
    """Print a command, run it with its output shown, and return its exit code; raises `DeliveryError` if it `must`."""
    done = _start(folder, words, capture=False)
    if must and done.returncode:
        raise DeliveryError(
            f"`slipway {' '.join(words)}` ended with exit code {done.returncode} in {folder}; its output is above."
        )
    return done.returncode


def capture_slipway(folder: Path, *words: str) -> tuple[int, bytes]:
    """Print a command, run it, and return its exit code and standard output."""
    done = _start(folder, words, capture=True)
    return done.returncode, done.stdout


def _start(folder: Path, words: tuple[str, ...], capture: bool) -> "subprocess.CompletedProcess[bytes]":
    print_progress(f"$ {shlex.join(('slipway', *words))}")
    program = Path(sys.executable).with_name("slipway")
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    return subprocess.run(
        [str(program), *words],
        cwd=folder,
        env=own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else None,
    )
