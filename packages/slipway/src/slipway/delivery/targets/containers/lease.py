"""One command at a time in an environment of a container engine, from whichever clone or machine it is typed.

A container that has the environment's name for this says who is at work: an engine gives a name once. It ends when its
standard input does, and so with the command, however that ends.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from slipway.delivery.targets.containers.engine import Engine
from slipway.errors import DeliveryError
from slipway.settings import actor

_BY = "slipway.by"
# Nobody hears from a machine that was cut off: what it holds is free again after so many seconds.
_LONGEST = 3600
_HOLDS = f"import select, sys; print('held', flush=True); select.select([sys.stdin], [], [], {_LONGEST})"
_OPTIONS = ("--network", "none", "--read-only", "--cap-drop", "ALL", "--memory", "64m", "--pids-limit", "16")
_LOOK_SECONDS = 0.5
# One that was never started, or was not removed, belongs to nobody after so many seconds.
_STALE_SECONDS = 10.0
_GIVE_BACK_SECONDS = 30.0


class _Holder(NamedTuple):
    id: str
    by: str
    running: bool


@contextmanager
def lease(engine: Engine, name: str, image: Callable[[], str | None], say: Callable[[str], None]) -> Iterator[None]:
    """Hold `name` on the engine, in a container of what `image` says then; wait, and say for whom, while it is taken.

    Where there is no image nothing of the environment runs: nobody is in the other's way, and nothing is held. Raises
    `DeliveryError`.
    """
    process = _take(engine, name, image, say)
    try:
        yield
    finally:
        if process is not None:
            _give_back(process)


def _take(
    engine: Engine, name: str, image: Callable[[], str | None], say: Callable[[str], None]
) -> "subprocess.Popen[str] | None":
    waiting, lived = "", time.monotonic()
    while True:
        holder = _holder(engine, name)
        if holder is None:
            found = image()
            process = _start(engine, name, found) if found else None
            if process or not found:
                return process
        if holder is None or holder.running:
            lived = time.monotonic()
        elif time.monotonic() - lived > _STALE_SECONDS:
            engine.attempt("rm", "--force", holder.id)
        if holder and holder.by != waiting:
            waiting = holder.by
            say(f"{name}: waiting for {waiting} to end ...")
        time.sleep(_LOOK_SECONDS)


def _give_back(process: "subprocess.Popen[str]") -> None:
    try:
        process.communicate(timeout=_GIVE_BACK_SECONDS)
    except subprocess.TimeoutExpired:
        # An engine that is cut off: what was done is done, and nobody waits for it here.
        process.kill()
        process.communicate()


def _holder(engine: Engine, name: str) -> _Holder | None:
    words = ("--all", "--no-trunc", "--filter", f"name=^/?{name}$")
    found = engine.run("ps", *words, "--format", f'{{{{.ID}}}}\t{{{{.Label "{_BY}"}}}}\t{{{{.State}}}}')
    if not found:
        return None
    container, by, state = found.splitlines()[0].split("\t")
    return _Holder(container, by or "another command", state == "running")


def _start(engine: Engine, name: str, image: str) -> "subprocess.Popen[str] | None":
    """The client whose standard input keeps it, None where somebody was faster."""
    by = f"{actor()} on {socket.gethostname()}"
    words = ("run", "--rm", "--interactive", "--name", name, "--label", f"{_BY}={by}", *_OPTIONS)
    process = engine.start(*words, "--entrypoint", "python", image, "-c", _HOLDS)
    if process.stdout and process.stdout.readline():
        return process
    said = process.communicate()[1].strip()
    if "in use" in said:
        return None
    raise DeliveryError(f"Nobody may change {name} alone: its container did not start: {said[-1000:] or 'no words'}")
