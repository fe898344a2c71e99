"""Starting a service, waiting for its first right answer, and ending it."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
from benchmarks.serving.contestants import Server

_PATIENCE_SECONDS = 90
_LOOK_SECONDS = 0.005
# Settings of the shell that would reach the services, and change what is measured.
_FOREIGN = ("PYTHON", "OMP_", "MLFLOW_", "SLIPWAY_", "UVICORN_", "GRANIAN_", "BENTOML_", "OTEL_", "BENCH_")


class BenchmarkError(Exception):
    """The comparison cannot go on; the text says why and what to do."""


class Running(msgspec.Struct, frozen=True):
    """A started service: its first process, where it listens, where its output goes, when it was started."""

    process: "subprocess.Popen[bytes]"
    port: int
    output: Path
    began: float

    @property
    def pid(self) -> int:
        return self.process.pid


@contextmanager
def running(server: Server, workers: int, output: Path) -> Iterator[Running]:
    """Start `server`; every process of it has ended when the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    with output.open("wb") as words:
        began = time.perf_counter()
        process = subprocess.Popen(
            server.command(port, workers),
            cwd=server.folder,
            env={**environment, **server.environment},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(process, port, output, began)
    finally:
        _end(process)


def wait(server: Server, started: Running, is_right: Callable[[], bool]) -> float:
    """Ask until the answer is right; seconds since the service was started."""
    while not is_right():
        ended, waited = started.process.poll() is not None, time.perf_counter() - started.began
        if ended or waited > _PATIENCE_SECONDS:
            words = started.output.read_text(errors="replace")[-2000:]
            how = "ended" if ended else "gave no right answer"
            raise BenchmarkError(f"{server.name} {how} after {waited:.0f} s. Its last words:\n{words}")
        time.sleep(_LOOK_SECONDS)
    return time.perf_counter() - started.began


def tree(pid: int) -> list[psutil.Process]:
    """The process and everything below it."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def _end(process: "subprocess.Popen[bytes]") -> None:
    every = tree(process.pid) if process.poll() is None else []
    process.terminate()
    _, left = psutil.wait_procs(every, timeout=10)
    for each in left:
        each.kill()
    process.wait()
