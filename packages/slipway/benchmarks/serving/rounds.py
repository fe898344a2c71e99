"""One round of one service: started, warmed up, measured, ended."""

import statistics
from collections.abc import Callable
from pathlib import Path

import msgspec
from benchmarks.serving import load
from benchmarks.serving.contestants import CORES, Server
from benchmarks.serving.measure import cpu_seconds, memory_mib, watch_others
from benchmarks.serving.processes import Running, running, wait
from benchmarks.serving.questions import Questions, check, headers, is_right, write

# The system hands connections to workers by chance: with eight, all may go to one worker while the others idle. So
# each measurement connects anew so many times, and the fastest counts.
CONNECTS = 3
# Below this many requests a second in a closed loop, a thousand a second only fill a queue.
_MARGIN = 1.2


class Plan(msgspec.Struct, frozen=True):
    """How long to measure, in seconds: the warm-up, each closed loop, the constant rate."""

    warm: float
    loop: float
    rate: float


class Loop(msgspec.Struct, frozen=True):
    """A closed loop: requests a second, and microseconds of processor time for each."""

    rate: float
    cpu: float


class Round(msgspec.Struct, frozen=True, tag=True):
    """What one service did in one round.

    `start` is in seconds; `latency` is None where the rate is beyond the service; `others` is the share of the machine
    that went to programs which have nothing to do with this.
    """

    server: str
    number: int
    start: float
    one: Loop
    many: Loop
    latency: load.Latency | None
    others: float


def play(server: Server, number: int, plan: Plan, questions: Questions, folder: Path) -> Round:
    """Start, check every answer, warm up, measure, end."""
    bodies = write(questions, server, folder)
    with running(server, CORES, folder / f"{server.name}.output") as started:
        start = wait(server, started, lambda: is_right(server, started.port, questions))
        check(server, started.port, questions)
        one, many = (
            _looper(server, started, route, body) for route, body in zip((server.one, server.many), bodies, strict=True)
        )
        one(plan.warm), many(plan.warm)
        others = watch_others(started.pid)
        first, second = _best(one, plan.loop), _best(many, plan.loop)
        fits = first.rate > _MARGIN * load.RATE
        url = f"http://127.0.0.1:{started.port}{server.one}"
        latency = load.constant_rate(url, headers(server), bodies[0], plan.rate) if fits else None
        return Round(server.name, number, start, first, second, latency, others())


def memory(server: Server, workers: int, seconds: float, questions: Questions, folder: Path) -> float:
    """MiB of the service with so many workers, after each has answered."""
    bodies = write(questions, server, folder)
    with running(server, workers, folder / f"{server.name}.output") as started:
        wait(server, started, lambda: is_right(server, started.port, questions))
        for route, body in zip((server.one, server.many), bodies, strict=True):
            url = f"http://127.0.0.1:{started.port}{route}"
            load.closed_loop(url, headers(server), body, seconds, connections=32)
        return memory_mib(started.pid)


def _looper(server: Server, started: Running, route: str, bodies: Path) -> Callable[[float], Loop]:
    def loop(seconds: float) -> Loop:
        url = f"http://127.0.0.1:{started.port}{route}"
        before = cpu_seconds(started.pid)
        done = load.closed_loop(url, headers(server), bodies, seconds, load.CONNECTIONS)
        used = cpu_seconds(started.pid) - before
        return Loop(done.requests / done.microseconds * 1e6, used / done.requests * 1e6)

    return loop


def _best(loop: Callable[[float], Loop], seconds: float) -> Loop:
    """The fastest of several; processor time is the median, because it does not depend on how work was spread."""
    loops = [loop(seconds) for _ in range(CONNECTS)]
    return Loop(max(each.rate for each in loops), statistics.median(each.cpu for each in loops))
