"""Limits that the system sets for the service: processors and memory of its container (control group), open files."""

import math
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from slipway.bundle.verify import SealedBundle
from slipway.serving.console import print_line
from slipway.serving.settings import ServingSettings

_ROOT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_MEGABYTE = 1 << 20
# What the example's service needs for its parent and first worker, and for each further one, with some room; ONNX
# Runtime needs about three times the size of a model's file.
_SERVICE_BYTES, _WORKER_BYTES, _MODEL_COPIES = 70 * _MEGABYTE, 40 * _MEGABYTE, 3
# Open files of a worker that are not connections.
_OWN_FILES = 256


class Limits(NamedTuple):
    """The limits of the control group: processors and bytes of memory, infinite for none."""

    processors: float = math.inf
    memory: float = math.inf


def read_limits(root: Path = _ROOT, own: Path = _OWN) -> Limits:
    """Return the tightest limits of this process's control group and those above it, of version 2 or 1."""
    processors, memory = [math.inf], [math.inf]
    for folder in _groups("cpu", root, own):
        for quota, period in (_numbers(folder / "cpu.max"), _old_processors(folder)):
            if quota > 0 and period > 0:
                processors.append(quota / period)
    for folder in _groups("memory", root, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (bound := _numbers(folder / name)[0]) > 0:
                memory.append(bound)
    # Version 1 writes "none" as a number of pages that no machine has.
    return Limits(min(processors), min(each if each < 1 << 60 else math.inf for each in memory))


def count_out_of_memory(root: Path = _ROOT, own: Path = _OWN) -> int:
    """Count the processes of this control group that the system has killed for want of memory, its own or above it."""
    for folder in _groups("memory", root, own):
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                # The first group that is visible here: those above count the processes of others, too.
                found = dict(line.split() for line in (folder / name).read_text().splitlines())
                return int(found.get("oom_kill", 0))
    return 0


def fit_workers(settings: ServingSettings, sealed: SealedBundle, limits: Limits) -> ServingSettings:
    """Return the settings with as many workers as the limits hold, and say so where they hold fewer than asked for."""
    wanted = settings.processes
    if not settings.workers:
        wanted = max(1, min(wanted, int(min(limits.processors, wanted))))
    worker = _WORKER_BYTES + _MODEL_COPIES * len(sealed.files["model.onnx"])
    fitting = wanted
    if limits.memory < math.inf:
        fitting = max(1, min(wanted, int((limits.memory - _SERVICE_BYTES) // worker)))
    if fitting < wanted:
        print_line(
            f"{fitting} of {wanted} workers are started: a worker needs about {worker >> 20} MiB, and the memory limit "
            f"of this container is {int(limits.memory) >> 20} MiB"
        )
    return msgspec.structs.replace(settings, workers=fitting)


def fit_connections(settings: ServingSettings) -> ServingSettings:
    """Raise the limit of open files for the connections; where it ends before, accept fewer and say so."""
    needed = settings.max_connections + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    if granted == needed:
        return settings
    fitting = max(16, granted - _OWN_FILES)
    print_line(
        f"a worker accepts {fitting:,} of {settings.max_connections:,} connections: the limit of open files "
        f"(ulimit -Hn) is {hard:,}"
    )
    return msgspec.structs.replace(settings, max_connections=fitting)


def _groups(controller: str, root: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of a controller, from the process's own group up to the root that is visible here."""
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = root / controller if controllers else root
            folder = top / path.lstrip("/")
            while folder != top and top in folder.parents:
                yield folder
                folder = folder.parent
            yield top


def _old_processors(folder: Path) -> tuple[float, float]:
    return _numbers(folder / "cpu.cfs_quota_us")[0], _numbers(folder / "cpu.cfs_period_us")[0]


def _numbers(file: Path) -> tuple[float, float]:
    """Return the first two numbers of a file, 0 for one that is missing or a word (max)."""
    try:
        words = [*file.read_text().split(), "", ""][:2]
    except OSError:
        return 0.0, 0.0
    first, second = (float(word) if word.lstrip("-").isdigit() else 0.0 for word in words)
    return first, second
