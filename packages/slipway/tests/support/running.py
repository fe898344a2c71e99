"""Real services of the toys on free ports of loopback, started by the command that people type."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests

SLIPWAY = Path(sys.executable).with_name("slipway")


class Caller(requests.Session):
    """A session that knows its server: paths instead of addresses, and a time limit on everything."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:
        options.setdefault("timeout", 10)
        return super().request(method, self._url + url, **options)


class Service(NamedTuple):
    """A running service: `ask` has its address, `log` is its folder, `process` its parent process."""

    ask: Caller
    url: str
    log: Path
    process: subprocess.Popen[str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def environment(**variables: Any) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    return own | {f"SLIPWAY_{name.upper()}": str(value) for name, value in variables.items()}


def start(bundle: Path, log: Path, **variables: Any) -> Service:
    given = {"bundle": bundle, "log": log, "port": free_port(), "workers": 1} | variables
    process = subprocess.Popen(
        [str(SLIPWAY), "serve"], env=environment(**given), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    host = str(variables.get("host", "127.0.0.1"))
    url = f"http://{f'[{host}]' if ':' in host else host}:{given['port']}"
    service = Service(Caller(url), url, log, process)
    wait_until_ready(service)
    return service


def wait_until_ready(service: Service, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended: {service.process.communicate()[0]}")
        try:
            if service.ask.get("/readyz").status_code in (200, 503):
                return
        except requests.ConnectionError:
            time.sleep(0.02)
    raise AssertionError(f"the service did not become ready in {seconds} s")


def stop(service: Service) -> tuple[int, str]:
    """End it as a person would; its exit code and everything it said."""
    service.ask.close()
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
    try:
        said = service.process.communicate(timeout=15)[0]
    except subprocess.TimeoutExpired:
        service.process.kill()
        raise
    return service.process.returncode, said


@contextmanager
def serving(bundle: Path, log: Path, **variables: Any):
    service = start(bundle, log, **variables)
    try:
        yield service
    finally:
        stop(service)
