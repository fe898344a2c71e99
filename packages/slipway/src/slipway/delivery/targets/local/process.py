"""Processes that are found again by a mark in their environment.

No file says which process runs: it could be stale, half written, or missing because its writer was killed. The system's
own list of processes is searched.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "SLIPWAY_PROCESS"
_PATIENCE = 12.0
_END = 2000
# The variables of this process that a program needs to start: where things are, language and time.
_PASSED = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV"}
_PASSED_PREFIXES = ("LC_", "LD_", "PYTHON", "OMP_")


def start_process(
    command: list[str], variables: dict[str, str], output: Path, mark: str, folder: Path
) -> psutil.Process:
    """Start `command` in `folder`, detached from this terminal, with a `mark`; its output is appended to `output`.

    It runs the code of a bundle, so it gets none of the secrets that this process may have in its environment.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}
    with output.open("ab") as appended:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=own | variables | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=appended,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return psutil.Process(started.pid)


def find_process(mark: str) -> psutil.Process | None:
    """Return the process that was started with `mark`, not its children, which inherit it; None if none runs."""
    family = _marked(mark)
    return next((each for each in family.values() if each.info["ppid"] not in family), None)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that uses its pid again does not count."""
    try:
        # A child that ended and was not waited for is still listed.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def read_environment(process: psutil.Process) -> dict[str, str]:
    """Return the variables of a process; none if it has ended or belongs to another user."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def hang_up_process(process: psutil.Process) -> None:
    """Let the process read its bundle again."""
    process.send_signal(signal.SIGHUP)


def stop_process(mark: str) -> bool:
    """End the processes started with `mark` and wait for them; return False if none runs."""
    family = _marked(mark)
    for each in family.values():
        if each.info["ppid"] not in family:
            with suppress(psutil.NoSuchProcess):
                each.terminate()
    _, left = psutil.wait_procs(family.values(), timeout=_PATIENCE)
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=_PATIENCE)
    return bool(family)


def read_end(output: Path) -> str:
    """Return the end of a process's output, "(no output)" if there is none."""
    return (output.read_text(errors="replace")[-_END:].strip() if output.exists() else "") or "(no output)"


def _marked(mark: str) -> dict[int, psutil.Process]:
    """Return the processes that run and have the mark, by pid."""
    listed = psutil.process_iter(["ppid"])
    return {each.pid: each for each in listed if read_environment(each).get(MARK) == mark and is_alive(each)}
