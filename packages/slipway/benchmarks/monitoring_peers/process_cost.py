"""Measure what a command costs: seconds, seconds of processor, and peak memory."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_LOOK_SECONDS = 0.02


class Cost(NamedTuple):
    """Wall and processor seconds of a command and its children, and the peak memory of its own process in MiB."""

    wall: float
    processor: float
    memory: float


def measure_process(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Cost | str:
    """Run a command in a process of its own; return the last line of its errors where it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **(variables or {})}
        )
        peak, done = 0.0, 0
        while not done:
            # What the kernel says at the end has the memory of this process in it, as of the moment of the fork.
            peak = _read_peak(process.pid) or peak
            time.sleep(_LOOK_SECONDS)
            done, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            lines = [line for line in errors.read().splitlines() if line.strip()]
            return lines[-1] if lines else f"ended with {process.returncode}"
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, peak)


def _read_peak(process: int) -> float | None:
    """Return the largest memory that a process has had so far, in MiB; None when it has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else None
