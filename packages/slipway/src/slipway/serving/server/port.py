"""The port that a service answers on: its own, or one that somebody holds for it and for those who come after it.

`slipway hold` listens on a port and keeps a Unix socket, the door. A service that comes to the door gets the very
socket that listens, and takes connections from it beside any other service that has it. So one replaces another while
no connection is refused, and it does not matter who starts first. systemd hands sockets over like this, too.
"""

import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from slipway.errors import SettingsError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Connections that wait until somebody takes them; more are not answered by the system.
_BACKLOG = 1024
_WAIT_SECONDS = 0.1


def resolve_host(host: str, port: int) -> str:
    """The address that `host` stands for; raises `SettingsError` if it stands for none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(f"SLIPWAY_HOST is {host!r}, which is no address of this machine: {error}.") from error
    return str(found[0][4][0])


def verify_free_port(address: str, port: int) -> None:
    """Raise `SettingsError` if somebody listens there: the system would let two services share it, unasked."""
    _listen(address, port).close()


def hold_port(host: str, port: int, door: Path) -> None:
    """Listen on the port for all who come to the door, until SIGTERM or SIGINT.

    Raises `SettingsError` for a port that is taken, or a door that cannot be made.
    """
    for number in SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    # The image starts this with SIGTERM blocked, because the first process of a container loses what it cannot handle.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with _listen(resolve_host(host, port), port) as listener, _open(door) as waiting:
        _say(f"holding port {port} of {host} for whoever comes to {door}")
        try:
            _receive(waiting, listener)
        finally:
            # A door that stays would say that somebody is in.
            door.unlink(missing_ok=True)


def receive_listener(door: Path) -> tuple[socket.socket, socket.socket]:
    """The socket that is held, and a connection that ends when nobody holds it any more; waits for who holds it.

    Raises `SettingsError` for a door that nobody can open.
    """
    told = False
    while True:
        host = socket.socket(socket.AF_UNIX)
        try:
            host.connect(str(door))
            _, handed, _, _ = socket.recv_fds(host, 1, 1)
            if handed:
                return socket.socket(fileno=handed[0]), host
        except (FileNotFoundError, ConnectionError):
            pass
        except OSError as error:
            raise SettingsError(
                f"SLIPWAY_LISTENER is {door}, where nobody can hold a port: {error}. Expected the socket of a `slipway "
                "hold` of the same user."
            ) from error
        host.close()
        if not told:
            _say(f"waiting for who holds the port, at {door}")
            told = True
        time.sleep(_WAIT_SECONDS)


def call_when_released(host: socket.socket, do: Callable[[], None]) -> None:
    """Do something, beside everything else, once who held the port is gone: what was handed out leads nowhere then."""

    def watch() -> None:
        with suppress(OSError):
            while host.recv(1):
                pass
        do()

    threading.Thread(target=watch, daemon=True).start()


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {address} cannot be used: {error.strerror}. Choose another with --port or SLIPWAY_PORT."
        ) from error


def _open(door: Path) -> socket.socket:
    """The door appears when it is open, in place of one that somebody left who was killed."""
    try:
        _check_free(door)
        return _make(door)
    except OSError as error:
        raise SettingsError(
            f"{door} cannot be made: {error.strerror or error}. Expected a path of at most 100 characters in a folder "
            f"that this user (uid {os.getuid()}) may write."
        ) from error


def _check_free(door: Path) -> None:
    if door.exists() and not door.is_socket():
        raise SettingsError(f"{door} is a file, and would be replaced: expected a path where nothing or a socket is.")
    with socket.socket(socket.AF_UNIX) as visitor, suppress(OSError):
        visitor.connect(str(door))
        raise SettingsError(f"Somebody holds a port at {door} already. Choose another path, or end that one first.")


def _make(door: Path) -> socket.socket:
    part = door.with_name(f"{door.name}.part")
    part.unlink(missing_ok=True)
    waiting = socket.socket(socket.AF_UNIX)
    try:
        waiting.bind(str(part))
        waiting.listen()
        # Whoever comes in gets what callers say, their keys too: the same user, and nobody else.
        part.chmod(0o600)
        part.rename(door)
    except OSError:
        waiting.close()
        raise
    return waiting


def _receive(waiting: socket.socket, listener: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(waiting, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not waiting:
                    # A guest says nothing; it has gone.
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    continue
                guest = waiting.accept()[0].detach()
                selector.register(guest, selectors.EVENT_READ)
                _hand_over(guest, listener)


def _hand_over(guest: int, listener: socket.socket) -> None:
    with socket.socket(fileno=os.dup(guest)) as door, suppress(OSError):
        socket.send_fds(door, [b"!"], [listener.fileno()])


def _say(line: str) -> None:
    sys.stderr.write(f"slipway: {line}\n")
    sys.stderr.flush()
