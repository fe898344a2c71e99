"""Reach a container engine of another machine, and the ports that it publishes, through SSH.

The SDK's own way needs paramiko, which does not read the whole configuration of ssh, and drops what ssh reports.
"""

import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from slipway.delivery.smoke_test import wait_until
from slipway.errors import DeliveryError

_SECONDS = 30.0


class PublishedAddress(NamedTuple):
    """The `endpoint` of an engine (unix://, tcp:// or ssh://), and the `address` on which it publishes ports."""

    endpoint: str
    address: str

    @property
    def machine(self) -> str | None:
        """The machine of the engine, None if it is this one."""
        found = urlsplit(self.endpoint).hostname
        here = found in ("localhost", "127.0.0.1", "::1") and not self.endpoint.startswith("ssh:")
        return None if here else found

    @property
    def is_reachable(self) -> bool:
        """False if ports are published on the loopback of another machine without SSH."""
        return self.machine is None or self._through_ssh or not ip_address(self.address).is_loopback

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
    def _through_ssh(self) -> bool:
        return self.endpoint.startswith("ssh:") and ip_address(self.address).is_loopback

    @property
    def _host(self) -> str:
        if ip_address(self.address).is_unspecified:
            return self.machine or "127.0.0.1"
        return self.address


class SSHRelay:
    """Relays each connection to its `url`, a local socket, to the engine of an ssh:// endpoint until it is closed."""

    def __init__(self, endpoint: str) -> None:
        self._command = [*_ssh_command(endpoint, "-o", "ConnectTimeout=30"), _dial_command(endpoint)]
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-"))
        self._output = self._folder / "ssh.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "engine.sock"))
        self._listener.listen()
        self.url = f"unix://{self._folder}/engine.sock"
        threading.Thread(target=self._relay, daemon=True).start()

    def errors_size(self) -> int:
        """Return the number of bytes that ssh has reported so far."""
        return self._output.stat().st_size if self._output.exists() else 0

    def read_errors(self, start: int) -> str:
        """Return the end of what ssh has reported since it had reported `start` bytes."""
        content = self._output.read_bytes()[start:] if self._output.exists() else b""
        return content.decode(errors="replace")[-1000:].strip()

    def close(self) -> None:
        """End all connections."""
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._processes:
            each.kill()
            each.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _relay(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._processes = [each for each in self._processes if each.poll() is None]
            with connection, self._output.open("ab") as errors:
                # In a session of its own: ctrl-c on a terminal must not cut the connection that gives a lock back.
                started = subprocess.Popen(
                    self._command,
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=errors,
                    start_new_session=True,
                )
            self._processes.append(started)


@contextmanager
def _tunnel(endpoint: str, there: str) -> Iterator[str]:
    """Forward a local address to `there`, an address that the machine of `endpoint` reaches."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = f"127.0.0.1:{port}"
    # A shared connection would keep the port open after this one ends.
    options = ["BatchMode=yes", "ExitOnForwardFailure=yes", "ConnectTimeout=10", "ServerAliveInterval=15"]
    options += ["ControlMaster=no", "ControlPath=none"]
    command = _ssh_command(
        endpoint, "-N", *(word for each in options for word in ("-o", each)), "-L", f"{here}:{there}"
    )
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            listens = wait_until(lambda: _listens(port), _SECONDS, lambda: process.poll() is None)
            if not listens or process.poll() is not None:
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


def _listens(port: int) -> bool:
    """Return whether ssh listens on the port, which it does once it is connected."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _ssh_command(endpoint: str, *options: str) -> list[str]:
    """Return the words that connect to the machine of ssh://[user@]machine[:port]."""
    where, ssh = urlsplit(endpoint), shutil.which("ssh")
    if ssh is None:
        raise DeliveryError("There is no ssh on the PATH. Install an SSH client.")
    machine = f"{where.username}@{where.hostname}" if where.username else str(where.hostname)
    return [ssh, *options, "-T", *(["-p", str(where.port)] if where.port else []), "--", machine]


def _dial_command(endpoint: str) -> str:
    """Return the command that connects, on the machine of an ssh:// endpoint, to the engine's socket.

    The docker client runs the same one: without a path the machine's own settings name the socket.
    """
    path = unquote(urlsplit(endpoint).path)
    host = f"--host {shlex.quote(f'unix://{path}')} " if path.strip("/") else ""
    return f"docker {host}system dial-stdio"
