"""Processes of our own, found again by a mark in their environment.

There is no file that says what runs: it could be stale, half written, or not there yet when its writer was killed. The
system's own list of processes is asked.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

_MARK = "SLIPWAY_PROCESS"
_PATIENCE = 12.0
_LAST_WORDS = 2000


def start(command: list[str], variables: dict[str, str], output: Path, mark: str, folder: Path) -> psutil.Process:
    """Start `command` in `folder`, apart from this terminal, its output appended to `output`, with a `mark`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    with output.open("ab") as words:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=own | variables | {_MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return psutil.Process(started.pid)


def find(mark: str) -> psutil.Process | None:
    """The process that was started with `mark` by this user, not its children; None if none runs."""
    return next(iter(_outermost(mark)), None)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a pid that was used again is another process."""
    try:
        # A child that ended and was not waited for is still listed.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def environment(process: psutil.Process) -> dict[str, str]:
    """The variables that it was started with, without the mark; empty if it has ended or is somebody else's."""
    return {name: value for name, value in _environment(process).items() if name != _MARK}


def hang_up(process: psutil.Process) -> None:
    """Tell the process to read its bundle again."""
    process.send_signal(signal.SIGHUP)


def stop(mark: str) -> bool:
    """End what was started with `mark`, and wait for it; False if nothing runs."""
    found = _outermost(mark)
    if not found:
        return False
    family = [each for parent in found for each in (parent, *_children(parent))]
    for parent in found:
        with suppress(psutil.NoSuchProcess):
            parent.terminate()
    _, left = psutil.wait_procs(family, timeout=_PATIENCE)
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=_PATIENCE)
    return True


def last_words(output: Path) -> str:
    """The end of what a process said."""
    return output.read_text(errors="replace")[-_LAST_WORDS:].strip() if output.exists() else ""


def _outermost(mark: str) -> list[psutil.Process]:
    """What has the mark and no parent that has it: children inherit it."""
    marked = [each for each in psutil.process_iter() if _environment(each).get(_MARK) == mark]
    found = {each.pid: each for each in marked if is_alive(each)}
    return [each for each in found.values() if _parent(each) not in found]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        # It ended, or belongs to somebody else.
        return {}


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
