"""Run a GitHub workflow on this machine with `act`, and read the result of each job.

Jobs run as plain processes (act's host mode) in folders of their own. act ignores permissions, concurrency,
environments and their approval, trigger filters, time limits of jobs, required inputs: tests/workflows/policies covers
these. act gives every secret to a run for a fork too, so such a run is started without any.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
import yaml
from places import PACKAGE, TESTS
from requirements import missing

ACTIONS = TESTS / "workflows" / "actions"
# The folder that stands in for each action; any other action fails.
STAND_INS = {
    "actions/attest": "attest",
    "actions/checkout": "checkout",
    "actions/create-github-app-token": "app-token",
    "actions/download-artifact": "download-artifact",
    "actions/upload-artifact": "upload-artifact",
    "aws-actions/configure-aws-credentials": "aws-credentials",
    "docker/login-action": "login",
    "sigstore/cosign-installer": "cosign",
}
LABELS = ("ubuntu-24.04", "ubuntu-latest")
# Seconds for a whole run.
LONGEST = 900
# After a step act 0.2.89 writes an end mark to the step's terminal and reads until it arrives. Sometimes the write
# fails (always with `strace --inject=write:error=EIO` on that terminal); act then logs it and reads without end.
_UNSENT, _SIGN = b"Failed to write EOT", b"\x04"
# Seconds without output after which it waits for that mark and nothing else.
_SILENT = 5


class Job(NamedTuple):
    """A job: its name in the workflow, GitHub's word for its result, its log, its summary, its seconds."""

    name: str
    result: str
    log: str
    summary: str
    seconds: float


class Run(NamedTuple):
    """A finished run: its number, its jobs by id (a matrix adds its values), and whether act calls it a success."""

    id: int
    jobs: dict[str, Job]
    passed: bool
    seconds: float
    log: str
    artifacts: Path

    @property
    def results(self) -> dict[str, str]:
        return {name: job.result for name, job in self.jobs.items()}

    @property
    def conclusion(self) -> str:
        return "success" if self.passed else "failure"

    def said(self, job: str) -> str:
        return self.jobs[job].log


def find_act() -> Path:
    """Return the program that packages/slipway/ci/act builds; without it skip the test, or fail by SLIPWAY_REQUIRE."""
    script = (PACKAGE / "ci" / "act").read_text()
    (version,) = re.findall(r"(?m)^version=(\S+)$", script)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "slipway" / "bin" / f"act-{version}"
    if not program.exists():
        missing("act", f"there is no {program}; packages/slipway/ci/act builds it")
    return program


def run_act(
    clone: Path,
    world: Path,
    workflow: str,
    event: str,
    *,
    number: int,
    variables: dict[str, str],
    options: list[str],
    notes: Path,
    kill_when: Callable[[], bool] | None = None,
) -> Run:
    """Run a workflow of `clone` for the event in `<clone>.event`; jobs share the folder `world`.

    The seconds of each job are appended to `notes`. As soon as `kill_when` returns true, the runner and its jobs are
    killed, as when a machine goes down.
    """
    _leave_out_unknown_keys(clone)
    command = [str(find_act()), event, "--workflows", f".github/workflows/{workflow}"]
    command += ["--eventpath", str(clone.with_suffix(".event")), "--json", "--verbose", "--rm"]
    command += ["--no-cache-server", "--action-offline-mode", "--no-skip-checkout"]
    command += [word for label in LABELS for word in ("--platform", f"{label}=-self-hosted")]
    command += [word for each in stand_ins(clone) for word in ("--local-repository", each)]
    command += [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    lines = _lines([*command, *options], clone, world, variables, kill_when)
    run = _read(lines, number, world / "artifacts" / str(number))
    _note(run, workflow, notes)
    return run


def times(file: Path) -> list[tuple[str, int, float, float]]:
    """Return from the notes of `run_act`: workflow and job, number of runs, median and longest seconds."""
    found: dict[str, list[float]] = {}
    for line in file.read_text().splitlines():
        name, seconds = json.loads(line)
        found.setdefault(name, []).append(seconds)
    return [(name, len(each), median(each), max(each)) for name, each in sorted(found.items())]


def _note(run: Run, workflow: str, file: Path) -> None:
    done = {f"{workflow} {name}": job.seconds for name, job in run.jobs.items() if job.result in ("success", "failure")}
    with file.open("a") as notes:
        for name, seconds in {**done, f"{workflow} (whole run)": run.seconds}.items():
            notes.write(json.dumps([name, seconds]) + "\n")


def stand_ins(clone: Path) -> list[str]:
    """Return the stand-in of every action that a workflow of `clone` uses, at the commit it uses.

    Raise `AssertionError` for an input that a stand-in does not know: act would ignore it.
    """
    found = set()
    for path in sorted((clone / ".github" / "workflows").glob("*.yml")):
        for step in _steps(yaml.safe_load(path.read_text())):
            action, _, commit = step.get("uses", "").partition("@")
            if action not in STAND_INS:
                continue
            folder = ACTIONS / STAND_INS[action]
            known = yaml.safe_load((folder / "action.yml").read_text())["inputs"]
            unknown = step.get("with", {}).keys() - known.keys()
            assert not unknown, f"{path.name}: {folder}/action.yml has no input {', '.join(sorted(unknown))}"
            found.add(f"{action}@{commit}={folder}")
    return sorted(found)


def _leave_out_unknown_keys(clone: Path) -> None:
    """Remove from the files that act reads the keys that it rejects; jobs check out the whole files."""
    for path in (clone / ".github" / "workflows").glob("*.yml"):
        path.write_text(re.sub(r"(?m)^ +(queue: max|deployment: false)\n", "", path.read_text()))


def _steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def _environment(world: Path) -> dict[str, str]:
    """Return the part of the environment that the runner gets: sources of packages, no settings of tests and users."""
    mine = "COVERAGE_|DVC_|GITHUB_|GIT_(?!SSL_CAINFO)|MAKE|MLFLOW_|PYTEST_|PYTHON|SLIPWAY_|UV_|VIRTUAL_ENV"
    kept = {name: value for name, value in os.environ.items() if not re.match(mine, name)}
    home = world / "home"
    home.mkdir(exist_ok=True)
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "DOCKER_CONFIG": str(home / "docker"),
        # act 0.2.89 writes one map from all jobs (local_repository_cache.go), and Go ends a program for that. On one
        # thread they take turns.
        "GOMAXPROCS": "1",
    }


def _lines(
    command: list[str],
    clone: Path,
    world: Path,
    variables: dict[str, str],
    kill_when: Callable[[], bool] | None,
) -> list[str]:
    log = clone.with_suffix(".jsonl")
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=_environment(world) | variables,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + LONGEST
            while process.poll() is None and not (kill_when and kill_when()):
                assert time.monotonic() < end, f"{command[:4]} did not end within {LONGEST} s; its log is {log}"
                _help_on(process.pid, log)
                time.sleep(0.5)
        finally:
            _kill(process)
    return [*log.read_text(errors="replace").splitlines(), f"exit {process.returncode}"]


def _help_on(act: int, log: Path) -> None:
    """Write the end mark that act could not write and waits for."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 10_000))
        last = file.read().rstrip().rpartition(b"\n")[2]
    if _UNSENT not in last or time.time() < log.stat().st_mtime + _SILENT:
        return
    for handle in Path(f"/proc/{act}/fd").iterdir():
        # One may be closed meanwhile.
        with suppress(OSError):
            if handle.readlink().parent == Path("/dev/pts"):
                terminal = os.open(handle, os.O_WRONLY | os.O_NOCTTY)
                os.write(terminal, _SIGN)
                os.close(terminal)


def _kill(process: "subprocess.Popen[Any]") -> None:
    """Kill the runner and every process of its jobs; a step has a process group of its own."""
    if process.poll() is not None:
        return
    halted = _halted(psutil.Process(process.pid))
    for each in halted:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    _wait_for(halted, "ZX")


def _halted(top: psutil.Process) -> list[psutil.Process]:
    """Stop a process and everything below it, so that none can start another; return them."""
    found: list[psutil.Process] = []
    new = [top]
    while new:
        for each in new:
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        # A signal arrives later: a thread that runs may start a process until then, one that waits for it (D) may not.
        _wait_for(new, "TtDZX")
        found += new
        new = [each for each in top.children(recursive=True) if each not in found]
    return found


def _wait_for(processes: list[psutil.Process], states: str) -> None:
    """Wait until every thread of the processes is in one of the states (proc_pid_stat(5)), or gone."""
    end = time.monotonic() + 60
    while any(_states(each.pid) - {*states} for each in processes):
        assert time.monotonic() < end, f"{processes} did not get to one of the states {states} within 60 s"
        time.sleep(0.01)


def _states(pid: int) -> set[str]:
    found = set()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.add(stat.read_text().rpartition(")")[2].split()[0])
    return found


def _read(lines: list[str], number: int, artifacts: Path) -> Run:
    jobs: dict[str, dict[str, Any]] = {}
    loose = []
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            loose.append(line)
            continue
        assert "Skipping unsupported platform" not in found.get("msg", ""), found["msg"]
        if "job" in found:
            _take(
                jobs.setdefault(
                    _key(found), {"log": [], "summary": [], "moments": [], "result": "", "name": found["job"].strip()}
                ),
                found,
            )
        elif found.get("level") in ("error", "fatal"):
            loose.append(found["msg"])
    assert jobs, "act ran no job:\n" + "\n".join(loose)
    done = {
        key: Job(each["name"], each["result"], "".join(each["log"]), "".join(each["summary"]), _span(each["moments"]))
        for key, each in jobs.items()
    }
    seconds = _span([moment for each in jobs.values() for moment in each["moments"]])
    return Run(number, done, loose[-1] == "exit 0", seconds, "\n".join(loose), artifacts)


def _key(found: dict[str, Any]) -> str:
    values = ", ".join(str(value) for value in (found.get("matrix") or {}).values())
    # "workflow/job"; of a called workflow "calling job/workflow/job".
    callers = [part.strip() for part in found["job"].split("/")[:-2]]
    path = "/".join([*callers, found["jobID"]])
    return f"{path} ({values})" if values else path


def _take(job: dict[str, Any], found: dict[str, Any]) -> None:
    # Before it is set up a job waits for others.
    if "Run Set up job" in found["msg"] or job["moments"]:
        job["moments"] = [*job["moments"][:1], datetime.fromisoformat(found["time"])]
    if found.get("raw_output") or found["level"] == "error":
        job["log"].append(found["msg"] if found["msg"].endswith("\n") else found["msg"] + "\n")
    if found.get("command") == "summary":
        job["summary"].append(found["content"])
    if "jobResult" in found:
        job["result"] = found["jobResult"]


def _span(moments: list[datetime]) -> float:
    return (max(moments) - min(moments)).total_seconds() if moments else 0.0
