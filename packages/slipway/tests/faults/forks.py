"""Fork an operation at each call of git: the child meets one fault there, in a copy of the world, and judges the rest.

What comes before the call is not repeated, so an operation of forty calls is over in seconds.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec
from judge import Report, State, judge_next, judge_outcome, judge_state, look
from operations import Operation
from worlds import Worlds, copy_world

from slipway.errors import SlipwayError

REAL = subprocess.run
_SLEEP = time.sleep
KINDS = ("error", "signal", "empty", "timeout")
# The command itself ends there, without a word: only for what changes an environment.
KILLED = "killed"
# Commands that change what others see: their answer may also be lost after they have done it.
MOVING = {"fetch", "push", "update-ref"}
WRITING = MOVING | {"commit-tree", "hash-object", "mktree"}


class Found(NamedTuple):
    """The calls of git of an operation, the faults that were tried, and what went wrong."""

    calls: int
    faults: int
    lost: list[str]
    false: list[str]


class Forks:
    """Runs git for an operation, and forks at each call for each fault."""

    def __init__(self, folder: Path, operation: Operation, before: State) -> None:
        """Make worlds in `folder` for an operation that has not begun."""
        self.folder, self.files, self.moved = folder, operation.files, False
        self.delivers = operation.delivers
        self.die = lambda: self.end(_judge(self, operation, lambda: judge_state(before, self.sound), "killed"))
        self.calls = self.faults = 0
        # The name of the fault in the child that it strikes, None in the parent.
        self.struck: str | None = None
        self.reports: list[Report] = []
        # The states in which the operations that follow were found to work.
        self.sound: dict[str, State] = {}

    def run(self, command: list[str], **given: Any) -> Any:
        if command[0] != "git":
            return REAL(command, **given)
        if self.struck:
            if WRITING & set(command):
                self.move()
            return REAL(command, **given)
        self.calls += 1
        for kind in (*KINDS, *((KILLED,) if self.delivers else ())):
            for after in (False, True) if MOVING & set(command) else (False,):
                self.faults += 1
                name = f"call {self.calls} (git {_shorten(command)}), {kind}{' after it' if after else ''}"
                if self._fork(name):
                    if after:
                        self.move()
                        REAL(command, **given)
                    if kind == KILLED:
                        self.die()
                    return _fail(kind, command, given)
        return REAL(command, **given)

    def _fork(self, name: str) -> bool:
        """Return True in the child, and in the parent, after the child has ended, False."""
        reading, writing = os.pipe()
        sys.stdout.flush()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading, "rb") as pipe:
                content = pipe.read()
            os.waitpid(child, 0)
            report = msgspec.json.decode(content, type=Report) if content else Report(false="the process died")
            if report.state:
                self.sound[report.state.files] = report.state
            self.reports.append(msgspec.structs.replace(report, fault=name))
            return False
        os.close(reading)
        self.pipe, self.struck = writing, name
        if self.files:
            self.move()
        # The parent goes on to use what it keeps in folders of its own.
        tempfile.TemporaryDirectory._rmtree = lambda *_, **__: None  # type: ignore[attr-defined]
        return True

    def move(self) -> None:
        """Go on in a copy of the world: the child is about to change something."""
        if not self.moved:
            os.chdir(copy_world(Path.cwd().parent, self.folder / "struck") / "work")
            self.moved = True

    def end(self, report: Report) -> NoReturn:
        os.write(self.pipe, msgspec.json.encode(report))
        os._exit(0)


def try_every_fault(worlds: Worlds, operation: Operation) -> Found:
    """Run an operation with each fault in each call."""
    # Nothing is waited for: no other command writes.
    time.sleep = lambda _: _SLEEP(0.0005)
    world = worlds.make(operation.world)
    os.chdir(copy_world(world, worlds.folder / "expected") / "work")
    before = look()
    # A child that only reads stays in the memory that it shares with its parent.
    gc.freeze()
    gc.disable()
    expected = _without_time(operation.run())
    forks = Forks(worlds.folder, operation, before)
    os.chdir(copy_world(world, worlds.folder / "running") / "work")
    subprocess.run = forks.run  # type: ignore[assignment]
    try:
        outcome = _attempt(operation.run)
    finally:
        subprocess.run = REAL
    if forks.struck:
        judge = partial(judge_outcome, operation, before, expected, *outcome, forks.sound)
        forks.end(_judge(forks, operation, judge, outcome[1] or outcome[0]))
    if outcome != (expected, ""):
        raise AssertionError(f"without a fault: expected {expected}, found {outcome}")
    os.chdir(worlds.folder)
    wrong = [(report, f"{report.fault}: {report.lost or report.false}") for report in forks.reports]
    return Found(
        forks.calls,
        forks.faults,
        [text for report, text in wrong if report.lost],
        [text for report, text in wrong if report.false and not report.lost],
    )


def _attempt(run: Callable[[], Any]) -> tuple[Any, str]:
    """Return the result of an operation without its times, or the text of its error."""
    try:
        return _without_time(run()), ""
    except SlipwayError as error:
        return None, str(error)
    except Exception:  # noqa: BLE001 - a traceback is what is looked for
        return None, f"Traceback: {traceback.format_exc()}"


def _judge(forks: Forks, operation: Operation, judge: Callable[[], Report], outcome: Any) -> Report:
    try:
        report = judge()
        if report.state is None or report.state.files in forks.sound:
            return report
        forks.move()
        return judge_next(operation, report, outcome)
    except Exception:  # noqa: BLE001 - a traceback is what is looked for
        return Report(false=f"cannot go on after {outcome}: {traceback.format_exc()}")


def _fail(kind: str, command: list[str], given: dict[str, Any]) -> Any:
    """Answer as `subprocess.run` does for a command that fails."""
    if kind == "timeout":
        raise subprocess.TimeoutExpired(command, given["timeout"])
    code = {"error": 1, "signal": -9, "empty": 0}[kind]
    return subprocess.CompletedProcess(command, code, b"", b"")


def _shorten(command: list[str]) -> str:
    words = [word for word in command[1:] if "=" not in word and word != "-c"]
    return " ".join(words)[:60]


def _without_time(found: Any) -> Any:
    """Return a result without the moments at which it was made."""
    shown = msgspec.to_builtins(found)
    return _strip(shown)


def _strip(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {name: _strip(value) for name, value in shown.items() if name not in ("at", "since")}
    return [_strip(each) for each in shown] if isinstance(shown, (list, tuple)) else shown
