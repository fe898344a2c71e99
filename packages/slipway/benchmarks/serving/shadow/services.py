"""Start the service without a shadow, or with one in each of the ways that are compared."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).parents[5]
WITHOUT, IDLE, ORDINARY, THREAD = "without", "process, yields", "process, ordinary", "thread of the worker"
WAYS = (WITHOUT, IDLE, ORDINARY, THREAD)


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
    from slipway.serving.shadow.loop import ShadowLoop
    from slipway.serving.shadow.scoring import ShadowScorer

    class Never:
        began = is_late = False

    recorder = Recorder(shared.families, shared.board.counts(shared.board.shadow_section))
    scorer = ShadowScorer(start_bundle(shared.shadowing.sealed))
    ShadowLoop([shared.shadowing.queues[section]], scorer, recorder, LogWriter(shared.settings)).run(Never())


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
