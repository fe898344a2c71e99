"""Connect to a port that an engine publishes: through an SSH tunnel if it is on the loopback of a remote machine."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from slipway.delivery.targets.containers.ssh_relay import ssh_address
from slipway.errors import DeliveryError

_SECONDS = 30.0
_LOOK = 0.05


class PublishedAddress(NamedTuple):
    """The `endpoint` of an engine (unix://, tcp:// or ssh://), and the `address` on which it publishes ports."""

    endpoint: str
    address: str

    @property
    def machine(self) -> str | None:
        """The machine of the engine, None if it is this one."""
        found = urlsplit(self.endpoint).hostname
        here = found in ("localhost", "127.0.0.1", "::1") and not self._by_ssh
        return None if here else found

    @property
    def is_reachable(self) -> bool:
        """False if ports are published on the loopback of another machine without SSH."""
        return self.machine is None or self._by_ssh or not ip_address(self.address).is_loopback

    def url(self, port: int) -> str:
        """Return the address of the port for people; on the loopback of another machine it names that machine."""
        if self._through_ssh:
            return f"http://{self.address}:{port} of {self.machine}"
        return f"http://{self._host}:{port}"

    @contextmanager
    def connect(self, port: int) -> Iterator[str]:
        """Yield an address of the port that is valid while the block lasts; raise `DeliveryError` if ssh fails."""
        if not self._through_ssh:
            yield f"http://{self._host}:{port}"
            return
        with _tunnel(self.endpoint, f"{self.address}:{port}") as here:
            yield f"http://{here}"

    @property
    def _by_ssh(self) -> bool:
        return urlsplit(self.endpoint).scheme == "ssh"

    @property
    def _through_ssh(self) -> bool:
        return self._by_ssh and ip_address(self.address).is_loopback

    @property
    def _host(self) -> str:
        if ip_address(self.address).is_unspecified:
            return self.machine or "127.0.0.1"
        return self.address


LOOPBACK = PublishedAddress("", "127.0.0.1")


@contextmanager
def _tunnel(endpoint: str, there: str) -> Iterator[str]:
    """Forward a local address to `there`, an address that the machine of `endpoint` reaches."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = f"127.0.0.1:{port}"
    command = ["ssh", "-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ConnectTimeout=10"]
    command += ["-o", "ServerAliveInterval=15"]
    # A shared connection would keep the port open after this one ends.
    command += ["-o", "ControlMaster=no", "-o", "ControlPath=none"]
    command += ["-L", f"{here}:{there}", *ssh_address(endpoint)]
    with tempfile.TemporaryFile() as said:
        process = _start(command, said.fileno())
        try:
            _wait(process, port)
            if process.poll() is not None:
                said.seek(0)
                words = said.read().decode(errors="replace").strip()
                raise DeliveryError(
                    f"Cannot connect through ssh to {there} of {urlsplit(endpoint).hostname}: {words or '(no output)'}"
                )
            yield here
        finally:
            # An ssh that is busy may miss SIGTERM, and there is nothing to finish.
            process.kill()
            process.wait()


def _start(command: list[str], said: int) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    except FileNotFoundError as error:
        raise DeliveryError("There is no ssh on the PATH. Install an SSH client.") from error


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until ssh listens on the port, which it does once connected; end an ssh that does not in time."""
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
            time.sleep(_LOOK)
        else:
            return
