"""Connect to a container engine through SSH: a local socket, each of whose connections is an `ssh` of its own.

The SDK's own way needs paramiko, which does not read the whole configuration of ssh, and drops what ssh reports.
"""

import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

from slipway.errors import DeliveryError


def ssh_address(endpoint: str) -> list[str]:
    """Return the words that name the machine of ssh://[user@]machine[:port] to ssh."""
    where = urlsplit(endpoint)
    machine = f"{where.username}@{where.hostname}" if where.username else str(where.hostname)
    return [*(["-p", str(where.port)] if where.port else []), "--", machine]


def dial_command(endpoint: str) -> str:
    """Return the command that connects, on the machine of an ssh:// endpoint, to the engine's socket.

    The docker client runs the same one: without a path the machine's own settings name the socket.
    """
    path = unquote(urlsplit(endpoint).path)
    host = f"--host {shlex.quote(f'unix://{path}')} " if path.strip("/") else ""
    return f"docker {host}system dial-stdio"


class SSHRelay:
    """Relays connections to its `url` to the engine of an ssh:// endpoint, until it is closed."""

    def __init__(self, endpoint: str) -> None:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise DeliveryError("There is no ssh on the PATH. Install an SSH client.")
        self._command = [ssh, "-o", "ConnectTimeout=30", "-T", *ssh_address(endpoint), dial_command(endpoint)]
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
