"""A workflow of GitHub, run on this machine by `act`, and what became of each of its jobs.

Jobs run as plain processes (act's host mode) in folders of their own. What act does not know, no test here can show:
permissions, concurrency, environments and their approval, trigger filters, time limits of jobs, required inputs. For
these there are tests/workflows/policies. A pull request's run gets every secret that it is given, also for a fork, so
a run for a fork is given none.
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
# Which folder stands in for which action. What is not here is not found by act, and fails.
STAND_INS = {
    "actions/attest": "attest",
    "actions/checkout": "checkout",
    "actions/download-artifact": "download-artifact",
    "actions/upload-artifact": "upload-artifact",
    "aws-actions/configure-aws-credentials": "aws-credentials",
    "docker/login-action": "login",
}
LABELS = ("ubuntu-24.04", "ubuntu-latest")
# Seconds for a whole run.
LONGEST = 900
# After a step act 0.2.89 writes a sign to the step's terminal, and reads on until it comes. Now and then that fails
# (with `strace --inject=write:error=EIO` on that terminal every time); then act says so, and reads on for ever.
_UNSENT, _SIGN = b"Failed to write EOT", b"\x04"
# Seconds of silence after which it waits for that, and for nothing else.
_SILENT = 5


class Job(NamedTuple):
    """`name` as in the workflow, `result` in GitHub's words, what it said, its summary, and how long it took."""

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
    """The program that ci/act builds; without it the test is skipped, or fails where SLIPWAY_REQUIRE asks for it."""
    script = (PACKAGE / "ci" / "act").read_text()
    (version,) = re.findall(r"(?m)^version=(\S+)$", script)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "slipway" / "bin" / f"act-{version}"
    if not program.exists():
        missing("act", f"there is no {program}; ci/act builds it")
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
    """Run a workflow of `clone`; beside it lies `<clone>.event`, and `world` is where jobs keep what they share.

    How long each job took goes to `notes`. As soon as `kill_when` is true the runner and all of its jobs are killed, as
    by a machine that goes down.
    """
    _leave_out_queues(clone)
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
    """What `run_act` noted: workflow and job, how often it was run, the median of its seconds and the longest."""
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
    """For every action that a workflow of `clone` uses, at the commit it uses: the folder that stands in for it.

    An input that a stand-in does not know would be dropped without a word: it fails here.
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


def _leave_out_queues(clone: Path) -> None:
    """Take `queue: max` from the concurrency of what act reads: it knows no such key, and no concurrency either.

    Jobs check out the file as it is.
    """
    for path in (clone / ".github" / "workflows").glob("*.yml"):
        path.write_text(re.sub(r"(?m)^ +queue: max\n", "", path.read_text()))


def _steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def _environment(world: Path) -> dict[str, str]:
    """What the runner has of this session's environment: where packages come from, not what tests and users set."""
    mine = ("SLIPWAY_", "GITHUB_", "GIT_", "PYTEST_", "MLFLOW_", "DVC_", "VIRTUAL_ENV", "COVERAGE_", "MAKE", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine) or name == "GIT_SSL_CAINFO"}
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
    """Write the sign that act could not write and waits for."""
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
    """The runner and every process of its jobs; a step has a process group of its own."""
    if process.poll() is not None:
        return
    for each in _halted(psutil.Process(process.pid)):
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def _halted(top: psutil.Process) -> list[psutil.Process]:
    """It and everything below it, none of which can start another one any more."""
    found: list[psutil.Process] = []
    new = [top]
    while new:
        for each in new:
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        found += new
        new = [each for each in top.children(recursive=True) if each not in found]
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
