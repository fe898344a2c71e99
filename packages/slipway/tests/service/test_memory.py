"""In a control group with little memory: workers that fit are started, and a service that cannot hold them ends."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from requirements import missing
from running import SLIPWAY, environment, free_port

MEMORY = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def memory_group(tmp_path):
    """A control group of version 1, and the function that limits its memory."""
    group = MEMORY / f"slipway-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(1 << 30))
    except OSError:
        missing("root", "a control group with a memory limit needs root, and version 1 of control groups")

    def limit(mebibytes):
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            (group / name).write_text(str(mebibytes << 20))
        return group

    yield limit
    group.rmdir()


def serve_in(group, bundle, log, seconds, **variables):
    given = environment(bundle=bundle, log=log, port=free_port(), **variables)
    process = subprocess.Popen(
        ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" serve', str(SLIPWAY)],
        env=given,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        return process.communicate(timeout=seconds)[1], process.returncode
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=15)[1], process.returncode


def test_as_many_workers_start_as_the_memory_holds(churn, tmp_path, memory_group):
    said, code = serve_in(memory_group(256), churn.bundle.path, tmp_path / "log", 6, workers=32)
    assert code == 0
    assert "4 of 32 workers are started" in said and "256 MiB" in said
    assert "memory ran out" not in said


def test_a_service_whose_workers_run_out_of_memory_says_so_and_ends(churn, tmp_path, memory_group):
    said, code = serve_in(memory_group(40), churn.bundle.path, tmp_path / "log", 60, workers=1)
    assert code == 1
    assert said.count("a worker was killed because memory ran out (the memory limit of this container is 40 MiB)") == 5
    assert "giving up. Raise the limit." in said
