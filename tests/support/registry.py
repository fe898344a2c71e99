"""A real image registry on a free port of loopback."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
  addr: 127.0.0.1:{port}
"""


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its address, as it stands in the name of an image; it keeps everything in `folder`."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("docker", "there is no program docker-registry; .ci/engine installs it")
    port = free_port()
    config = folder / "config.yml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(folder=folder / "images", port=port))
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([str(program), "serve", str(config)], stdout=log, stderr=log)
    address = f"127.0.0.1:{port}"
    try:
        _wait(f"http://{address}/v2/", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def tags(address: str, name: str) -> list[str]:
    """What the registry has under `name`."""
    answer = requests.get(f"http://{address}/v2/{name}/tags/list", timeout=10)
    return sorted(answer.json().get("tags") or []) if answer.ok else []


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, "the registry ended by itself"
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("the registry did not answer within 20 s")
