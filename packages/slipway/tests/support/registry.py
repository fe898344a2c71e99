"""A real image registry on loopback, one for all workers of a session.

An engine packs the layers of an image anew for every registry that it pushes to, for half a minute.
"""

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import requests
from requirements import missing
from running import free_port

_CONFIG = """
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: "{folder}"}}
http:
  addr: {address}
"""
# It ends with the process that began the session, however that ends: the worker that starts it may be done long before.
_SERVE = 'docker-registry serve "$1" & tail --pid "$2" --follow /dev/null; kill $!'


def shared_registry(folder: Path) -> str:
    """Its address, as it stands in the name of an image; of parallel workers the first starts it, in `folder`."""
    folder.mkdir(exist_ok=True)
    noted = folder / "address"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not noted.exists():
            noted.write_text(_start(folder))
    return noted.read_text()


def worker() -> str:
    """A name for what this worker alone keeps there."""
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")


def tags(address: str, name: str) -> list[str]:
    """What the registry has under `name`."""
    answer = requests.get(f"http://{address}/v2/{name}/tags/list", timeout=10)
    return sorted(answer.json().get("tags") or []) if answer.ok else []


def _start(folder: Path) -> str:
    if shutil.which("docker-registry") is None:
        missing("docker", "there is no program docker-registry; packages/slipway/ci/engine installs it")
    address, config, said = f"127.0.0.1:{free_port()}", folder / "config.yml", folder / "registry.log"
    config.write_text(_CONFIG.format(folder=folder / "images", address=address))
    began = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    with said.open("w") as log:
        command = ["sh", "-c", _SERVE, "registry", str(config), str(began)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + 20
    while not _answers(address):
        assert time.monotonic() < end, f"the registry did not answer within 20 s: {said.read_text()}"
        time.sleep(0.05)
    return address


def _answers(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/v2/", timeout=2).ok
    except requests.RequestException:
        return False
