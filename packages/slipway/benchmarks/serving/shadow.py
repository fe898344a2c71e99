"""The service with and without a shadow, at half load: what the shadow adds to the answers.

    python -m benchmarks.serving.shadow [--rounds 30] [--seconds 2] [--workers 1] [--quiet 0.1]

Run it in packages/slipway; it needs what `make repro` leaves. The shadow is the same model sealed under another
digest, so it costs what production costs. Four ways run side by side: without a shadow, and with it as a process that
yields the processor (as the service does), as a process of ordinary priority, and as a thread of the worker. All are
sent rows in turn, at half of what the first one answers in a closed loop; latency counts from the moment at which a
request was due. The logs are in memory (/dev/shm), so that no other program's disk is measured, and rounds in which
other programs took more of the machine than `--quiet` are left out.
"""

import argparse
import hashlib
import json
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import numpy as np
import psutil
from benchmarks.serving.measure import cpu_seconds, memory_mib
from benchmarks.serving.questions import choose

from slipway.serving.shadow.queue import Queue
from slipway.settings import quiet_environment

ROOT = Path(__file__).parents[4]
WITHOUT, IDLE, ORDINARY, THREAD = "without", "process, yields", "process, ordinary", "thread of the worker"
WAYS = (WITHOUT, IDLE, ORDINARY, THREAD)
_CONNECTIONS = 8
_SETTLE_SECONDS = 0.5


class Load(NamedTuple):
    """Milliseconds of each answer, and the rate at which they came."""

    latencies: np.ndarray
    rate: float


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
    queue, line, taken = Queue(4 << 20), bytes(size), []
    for _ in range(1000):
        began = time.perf_counter()
        queue.put(line, 1)
        taken.append(time.perf_counter() - began)
        queue.take()
    return min(taken) * 1e6


def make_shadow(folder: Path) -> Path:
    """Copy the bundle and seal it under another digest."""
    shutil.copytree(ROOT / "bundle", folder)
    content = (folder / "features.py").read_bytes() + b"\n# another digest\n"
    (folder / "features.py").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["features.py"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@contextmanager
def service(way: str, shadow: Path, folder: Path, workers: int) -> Iterator[tuple[int, int]]:
    """Start a service; yields its process id and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir()
    given = {"BUNDLE": ROOT / "bundle", "LOG": folder / "log", "PORT": port, "WORKERS": workers}
    if way != WITHOUT:
        given["SHADOW"] = shadow
    variables = os.environ | {f"SLIPWAY_{name}": str(value) for name, value in given.items()}
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.serving.shadow", "--serve", way], env=variables)
    try:
        while not is_ready(port):
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def serve(way: str) -> None:
    """Serve by the settings of the environment, with the shadow in the given way."""
    from slipway.serving.server import worker
    from slipway.serving.server.service import serve_bundle
    from slipway.serving.settings import read_settings
    from slipway.serving.shadow import loop, process

    if way == ORDINARY:
        loop.yield_processor = lambda: None
    if way == THREAD:
        process.ShadowProcess.start = lambda _: None
        assemble = worker.assemble_app

        def with_thread(shared: Any, section: int, bundle: Any, log: Any) -> Any:
            thread = threading.Thread(target=run_in_thread, args=(shared, section), daemon=True)
            thread.start()
            return assemble(shared, section, bundle, log)

        worker.assemble_app = with_thread
    serve_bundle(read_settings())


def run_in_thread(shared: Any, section: int) -> None:
    """Score the queue of one worker in a thread of it, by the loop of the process."""
    from slipway.bundle.verify import start_bundle
    from slipway.serving.log import LogWriter
    from slipway.serving.metrics.recorder import Recorder
    from slipway.serving.shadow.loop import Loop
    from slipway.serving.shadow.scoring import ShadowScorer

    class Never:
        began = is_late = False

    recorder = Recorder(shared.families, shared.board.counts(shared.board.shadow_section))
    scorer = ShadowScorer(start_bundle(shared.shadowing.sealed))
    Loop([shared.shadowing.queues[section]], scorer, recorder, LogWriter(shared.settings)).run(Never())


def http_request(row: dict[str, Any]) -> bytes:
    """Write a request for one row."""
    body = json.dumps(row).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def constant_rate(port: int, requests: list[bytes], rate: float, seconds: float) -> Load:
    """Send requests when they are due, whether or not earlier ones are answered, on connections that are free."""
    every = int(rate * seconds)
    found: list[float] = []
    with connections(port) as (selector, free):
        began = time.perf_counter()
        sent, due = 0, {}
        while len(found) < every:
            now = time.perf_counter()
            while free and sent < every and began + sent / rate <= now:
                link = free.pop()
                link.sendall(requests[sent % len(requests)])
                due[link] = began + sent / rate
                sent += 1
            wait = max(0.0, began + sent / rate - time.perf_counter()) if free and sent < every else 1.0
            for key, _ in selector.select(wait):
                receive(key.fileobj)
                found.append((time.perf_counter() - due.pop(key.fileobj)) * 1e3)
                free.append(key.fileobj)
        return Load(np.array(found), every / (time.perf_counter() - began))


def closed_loop(port: int, requests: list[bytes], seconds: float) -> Load:
    """Keep every connection busy."""
    done = 0
    with connections(port) as (selector, free):
        began = time.perf_counter()
        for link in free:
            link.sendall(requests[0])
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(1.0):
                receive(key.fileobj)
                done += 1
                key.fileobj.sendall(requests[done % len(requests)])
        return Load(np.array([]), done / (now - began))


@contextmanager
def connections(port: int) -> Iterator[tuple[selectors.BaseSelector, list[Any]]]:
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(_CONNECTIONS)]
        for link in links:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(link, selectors.EVENT_READ)
        yield selector, links


def receive(link: Any) -> None:
    """Read one answer, which must be a prediction."""
    answer = link.recv(65536)
    while not answer.endswith(b"}}"):
        answer += link.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        sys.exit(f"expected a prediction, found {answer[:200]!r}")


def is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def metric(port: int, name: str) -> float:
    """Return the sum of a counter's series."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name) and not line.startswith("#"))


if __name__ == "__main__":
    main()
