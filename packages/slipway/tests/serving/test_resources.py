"""The container's limits are read, of both versions of control groups, and workers and connections fit them."""

import resource
import signal
from functools import partial

import msgspec
import pytest

from slipway.bundle.verify import read_sealed
from slipway.serving.app.shared import State
from slipway.serving.server.deaths import Deaths
from slipway.serving.server.resources import (
    Limits,
    count_out_of_memory,
    fit_connections,
    fit_workers,
    read_limits,
)
from slipway.serving.settings import read_settings

MIB = 1 << 20


def group(root, own, **files):
    """A control group with files, `__` for a dot; the text of /proc/self/cgroup that puts this process into it."""
    for name, content in files.items():
        file = root / name.replace("__", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (root.parent / "own").write_text(own)
    return root, root.parent / "own"


@pytest.mark.parametrize(
    ("content", "processors"), [("50000 100000\n", 0.5), ("max 100000\n", float("inf")), ("250000 100000\n", 2.5)]
)
def test_version_2(tmp_path, content, processors):
    files = {"cpu__max": content, "memory__max": f"{512 * MIB}\n", "memory__events": "low 0\noom 3\noom_kill 2\n"}
    root, own = group(tmp_path / "cgroup", "0::/\n", **files)
    assert read_limits(root, own) == Limits(processors, 512 * MIB)
    assert count_out_of_memory(root, own) == 2


def test_the_tightest_limit_of_the_groups_above_counts(tmp_path):
    own = "0::/system/slipway\n"
    root, own = group(tmp_path / "cgroup", own, **{"system/cpu__max": "100000 100000", "system/memory__max": "max"})
    group(root / "system" / "slipway", "", cpu__max="max 100000", memory__max=str(64 * MIB))
    assert read_limits(root, own) == Limits(1.0, 64 * MIB)


def test_version_1(tmp_path):
    files = {
        "cpu/cpu__cfs_quota_us": "150000",
        "cpu/cpu__cfs_period_us": "100000",
        "memory/memory__limit_in_bytes": "9223372036854771712",
        "memory/docker/x/memory__limit_in_bytes": str(300 * MIB),
        "memory/docker/x/memory__oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
    }
    root, own = group(tmp_path / "cgroup", "4:memory:/docker/x\n1:cpu,cpuacct:/docker/x\n", **files)
    assert read_limits(root, own) == Limits(1.5, 300 * MIB)
    assert count_out_of_memory(root, own) == 4


def test_kills_in_groups_of_others_are_not_counted(tmp_path):
    files = {"slice/memory__events": "oom_kill 7\n", "slice/slipway/memory__events": "oom_kill 1\n"}
    root, own = group(tmp_path / "cgroup", "0::/slice/slipway\n", **files)
    assert count_out_of_memory(root, own) == 1


def test_workers_that_die_together_for_want_of_memory_are_each_named(tmp_path, capsys):
    root, own = group(tmp_path / "cgroup", "0::/\n", memory__events="oom_kill 3\n")
    deaths = Deaths(partial(count_out_of_memory, root, own))
    (root / "memory.events").write_text("oom_kill 5\n")
    assert not any(deaths.is_hopeless(State.READY, -signal.SIGKILL, 4) for _ in range(3))
    assert not deaths.is_hopeless(State.READY, -signal.SIGSEGV, 4)
    said = capsys.readouterr().err.splitlines()
    assert ["memory ran out" in line for line in said] == [True, True, False, False]
    (root / "memory.events").write_text("oom_kill 8\n")
    assert [deaths.is_hopeless(State.READY, -signal.SIGKILL, 4) for _ in range(3)] == [False, False, True]
    assert "giving up" in capsys.readouterr().err


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert read_limits(tmp_path / "none", tmp_path / "nothing") == Limits()
    assert count_out_of_memory(tmp_path / "none", tmp_path / "nothing") == 0


@pytest.mark.parametrize(
    ("workers", "limits", "fitting"),
    [
        ("0", Limits(0.5), 1),
        ("0", Limits(1.9), 1),
        ("3", Limits(0.5), 3),
        ("32", Limits(4, 512 * MIB), 10),
        ("4", Limits(4, 512 * MIB), 4),
        ("4", Limits(4, 64 * MIB), 1),
    ],
)
def test_workers_fit_processors_and_memory(churn, capsys, workers, limits, fitting):
    sealed = read_sealed(churn.bundle.path)
    settings = fit_workers(read_settings({"SLIPWAY_WORKERS": workers}), sealed, limits)
    assert settings.processes == fitting
    said = capsys.readouterr().err
    assert (f"{fitting} of {workers} workers are started" in said) == (0 < fitting < int(workers))


def test_connections_fit_the_limit_of_open_files(capsys):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        settings = read_settings({"SLIPWAY_MAX_CONNECTIONS": "3000"})
        assert fit_connections(settings) == settings
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 3000
        assert capsys.readouterr().err == ""
        many = msgspec.structs.replace(settings, max_connections=1_000_000_000)
        assert fit_connections(many).max_connections <= before[1]
        assert "limit of open files" in capsys.readouterr().err
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
