"""What a service costs: processor time and memory of all its processes."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from benchmarks.serving.processes import tree


def cpu_seconds(pid: int) -> float:
    """User and system time that the service's processes have used so far."""
    times = [process.cpu_times() for process in tree(pid)]
    return sum(each.user + each.system for each in times)


def watch_others(pid: int) -> Callable[[], float]:
    """Begin to watch; the function returned says what share of all processors went to programs outside this run."""

    def used() -> tuple[float, float]:
        every, own = psutil.cpu_times(), os.times()
        idle = every.idle + every.iowait
        mine = cpu_seconds(pid) + own.user + own.system + own.children_user + own.children_system
        return sum(every[:8]) - idle - mine, time.perf_counter()

    busy, began = used()

    def share() -> float:
        now_busy, now = used()
        return max(0.0, (now_busy - busy) / (now - began) / (os.cpu_count() or 1))

    return share


def memory_mib(pid: int) -> float:
    """Proportional set size of the service: a page that n processes share counts as 1/n in each."""
    return sum(_proportional_kib(process.pid) for process in tree(pid)) / 1024


def _proportional_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
