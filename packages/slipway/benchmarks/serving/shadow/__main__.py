"""Measure what a shadow adds to the answers of the service at half load.

    python -m benchmarks.serving.shadow [--rounds 30] [--seconds 2] [--workers 1] [--quiet 0.1]

Run it in packages/slipway; it needs what `make repro` leaves. The shadow is the same model sealed under another
digest, so it costs what production costs. Four ways run side by side: without a shadow, and with it as a process that
yields the processor (as the service does), as a process of ordinary priority, and as a thread of the worker. All are
sent rows in turn, at half of what the first one answers in a closed loop; latency counts from the moment at which a
request was due. The logs are in memory (/dev/shm), so that no other program's disk is measured, and rounds in which
other programs took more of the machine than `--quiet` are left out.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from benchmarks.serving.measure import cpu_seconds, memory_mib
from benchmarks.serving.questions import choose
from benchmarks.serving.shadow.clients import closed_loop, constant_rate, http_request
from benchmarks.serving.shadow.services import ROOT, WAYS, WITHOUT, make_shadow, metric, serve, service

from slipway.serving.shadow.queue import ShadowQueue
from slipway.settings import quiet_environment

_SETTLE_SECONDS = 0.5


class Played(NamedTuple):
    """Milliseconds of the answers, microseconds of processor time for each, and the others' share of the machine."""

    p50: float
    p99: float
    used: float
    others: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--quiet", type=float, default=0.1, help="largest share of the machine for other programs")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    quiet_environment()
    if given.serve:
        serve(given.serve)
        return
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as temporary, ExitStack() as stack:
        folder = Path(temporary)
        shadow = make_shadow(folder / "shadow")
        requests = [http_request(row) for row in choose(ROOT).rows]
        ports = {way: stack.enter_context(service(way, shadow, folder / way, given.workers)) for way in WAYS}
        for _, port in ports.values():
            closed_loop(port, requests, 1.0)
        print(f"in the answer's way: {put_microseconds(500):.1f} us for a line of one row (500 bytes), ", end="")
        print(f"{put_microseconds(350_000):.0f} us for one of 1,000 rows")
        full = statistics.median(closed_loop(ports[WITHOUT][1], requests, 2.0).rate for _ in range(5))
        print(f"{given.workers} worker(s): {full:,.0f} answers a second without a shadow; sent: {full / 2:,.0f}")
        rounds: list[list[Played]] = []
        for number in range(given.rounds):
            turn = (*WAYS[number % len(WAYS) :], *WAYS[: number % len(WAYS)])
            played = {way: play(ports, way, requests, full / 2, given.seconds) for way in turn}
            rounds.append([played[way] for way in WAYS])
        report(rounds, ports, given.quiet)


def play(ports: dict[str, tuple[int, int]], way: str, requests: list[bytes], rate: float, seconds: float) -> Played:
    """Send at a constant rate to one service, and wait until its shadow has scored the rows."""
    pid, port = ports[way]
    before, busy = cpu_seconds(pid), others_seconds()
    began = time.perf_counter()
    found = constant_rate(port, requests, rate, seconds).latencies
    others = (others_seconds() - busy) / (time.perf_counter() - began) / (os.cpu_count() or 1)
    time.sleep(_SETTLE_SECONDS)
    p50, p99 = np.percentile(found, (50, 99))
    return Played(p50, p99, (cpu_seconds(pid) - before) / len(found) * 1e6, others)


def others_seconds() -> float:
    """Return the seconds of processor time that programs outside of this run, whose services are its children, used."""
    every, mine = psutil.cpu_times(), cpu_seconds(os.getpid())
    return sum(every[:8]) - every.idle - every.iowait - mine


def report(rounds: list[list[Played]], ports: dict[str, tuple[int, int]], quiet: float) -> None:
    """Print medians over the quiet rounds; the ratio is the median of theirs, which share the machine's noise."""
    kept = [played for played in rounds if max(each.others for each in played) <= quiet]
    print(f"{len(kept)} of {len(rounds)} rounds with at most {quiet:.0%} of the machine for other programs\n")
    table = np.array(kept or rounds)
    print("| shadow | p50 ms | p99 ms | p99 with / without | us a row | MiB | dropped |")
    print("|---|---|---|---|---|---|---|")
    for number, way in enumerate(WAYS):
        pid, port = ports[way]
        p50, p99, used, _ = np.median(table[:, number], axis=0)
        ratios = table[:, number, 1] / table[:, 0, 1]
        drawn = np.random.default_rng(1).choice(ratios, (2000, len(ratios)))
        low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
        taken, dropped = (metric(port, f"slipway_shadow_{name}_total") for name in ("taken", "dropped"))
        share = f"{dropped / max(1, taken + dropped):.1%}"
        ratio = f"{np.median(ratios):.2f} [{low:.2f}, {high:.2f}]"
        print(f"| {way} | {p50:.2f} | {p99:.2f} | {ratio} | {used:.0f} | {memory_mib(pid):.0f} | {share} |")


def put_microseconds(size: int) -> float:
    """Return the least time that a worker took to put a line of `size` bytes into the queue."""
    queue, line, taken = ShadowQueue(4 << 20), bytes(size), []
    for _ in range(1000):
        began = time.perf_counter()
        queue.put(line, 1)
        taken.append(time.perf_counter() - began)
        queue.take()
    return min(taken) * 1e6


if __name__ == "__main__":
    main()
