"""An SSH server on loopback behind which the engine answers, as on a machine of its own."""

import fcntl
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from running import free_port

CONTEXT = Path(__file__).with_name("ssh-server")
IMAGE = "slipway-test-ssh-server"
_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey /server/host
AuthorizedKeysFile /server/authorized_keys
StrictModes no
PasswordAuthentication no
UsePAM no
"""


class Server(NamedTuple):
    """Where it is, what `ssh-keyscan` would say of it, and the private key that it takes."""

    host: str
    known_hosts: str
    key: str
    container: str


@contextmanager
def ssh_server(client: str, base: str | None, folder: Path) -> Iterator[Server]:
    """It runs until the block ends; `client` is the docker client that callers find there."""
    _build(client, base, folder.parent)
    folder.mkdir()
    port, name = free_port(), f"slipway-test-ssh-{uuid4().hex[:8]}"
    for each in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / each], check=True)
    # As docs/github-setup.md advises.
    rights = 'restrict,port-forwarding,permitopen="127.0.0.1:*"'
    (folder / "authorized_keys").write_text(f"{rights} {(folder / 'client.pub').read_text()}")
    (folder / "sshd_config").write_text(_CONFIG.format(port=port))
    socket_of = subprocess.run(
        [client, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    mounts = {
        folder: "/server",
        shutil.which(client): "/usr/local/bin/docker",
        socket_of.removeprefix("unix://"): "/var/run/docker.sock",
    }
    words = [word for here, there in mounts.items() for word in ("--volume", f"{here}:{there}")]
    subprocess.run(
        [client, "run", "--detach", "--network", "host", "--name", name, *words, IMAGE], check=True, capture_output=True
    )
    try:
        _wait(port)
        known = f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}"
        yield Server(f"ssh://root@127.0.0.1:{port}", known, (folder / "client").read_text(), name)
    finally:
        subprocess.run([client, "rm", "--force", name], capture_output=True)


def _build(client: str, base: str | None, shared: Path) -> None:
    with (shared / "ssh-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [client, "build", "--quiet", "--tag", IMAGE, *(["--build-arg", f"BASE={base}"] if base else [])]
        done = subprocess.run(
            [*command, CONTEXT], env=os.environ | {"DOCKER_BUILDKIT": "1"}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-4000:]


def _wait(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0 and asked.recv(4) == b"SSH-":
                return
        assert time.monotonic() < end, "the SSH server does not answer"
        time.sleep(0.1)
