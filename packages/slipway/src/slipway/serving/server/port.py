"""The port of a service: its own, or one that `slipway hold` holds for it and for the services that replace it.

The holder listens on a port and hands its listening socket, over a Unix socket, to every service that connects. These
accept connections side by side, so that one replaces another without a refused connection, whichever starts first.
systemd hands sockets over in the same way.
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
from slipway.serving.console import print_line

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Connections that wait to be accepted; the system drops more.
_BACKLOG = 1024
_WAIT_SECONDS = 0.1


def resolve_host(host: str, port: int) -> str:
    """Return the address of `host`; raises `SettingsError` if it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(
            f"Cannot resolve SLIPWAY_HOST {host!r}: {error}. Expected an address or name of this machine."
        ) from error
    return str(found[0][4][0])


def verify_free_port(address: str, port: int) -> None:
    """Raise `SettingsError` if the port is in use: the system would let two services share it."""
    _listen(address, port).close()


def hold_port(host: str, port: int, door: Path) -> None:
    """Listen on the port and hand its socket to every service that connects to `door`, until SIGTERM or SIGINT.

    Raises `SettingsError` for a port that is in use, or a Unix socket that cannot be created.
    """
    for number in SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    # The image starts this with SIGTERM blocked, because the first process of a container loses what it cannot handle.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    with _listen(resolve_host(host, port), port) as listener, _open(door) as waiting:
        print_line(f"holding port {port} of {host} for services that connect to {door}")
        try:
            _receive(waiting, listener)
        finally:
            # A socket file that stays would look like a running holder.
            door.unlink(missing_ok=True)


def receive_listener(door: Path) -> tuple[socket.socket, socket.socket]:
    """Return the listening socket of the holder, and a connection that ends with the holder; waits for a holder.

    Raises `SettingsError` for a path that cannot be connected to.
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
                f"Cannot connect to SLIPWAY_LISTENER {door}: {error}. Expected the Unix socket of a `slipway hold` of "
                "the same user."
            ) from error
        host.close()
        if not told:
            print_line(f"waiting for a `slipway hold` at {door}")
            told = True
        time.sleep(_WAIT_SECONDS)


def call_when_released(host: socket.socket, do: Callable[[], None]) -> None:
    """Call `do` from a thread once the holder has ended: its socket gets no connections any more."""

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
    """Create the Unix socket, in place of one that a killed holder left; it appears once it listens."""
    try:
        _check_free(door)
        return _make(door)
    except OSError as error:
        raise SettingsError(
            f"Cannot create {door}: {error.strerror or error}. Expected a path of at most 100 characters in a folder "
            f"that this user (uid {os.getuid()}) may write."
        ) from error


def _check_free(door: Path) -> None:
    if door.exists() and not door.is_socket():
        raise SettingsError(f"{door} is a file. Expected a path that is free or a socket; it was not replaced.")
    with socket.socket(socket.AF_UNIX) as visitor, suppress(OSError):
        visitor.connect(str(door))
        raise SettingsError(f"Another `slipway hold` runs at {door}. Choose another path, or end that one first.")


def _make(door: Path) -> socket.socket:
    part = door.with_name(f"{door.name}.part")
    part.unlink(missing_ok=True)
    waiting = socket.socket(socket.AF_UNIX)
    try:
        waiting.bind(str(part))
        waiting.listen()
        # Who gets the socket gets the clients' requests and keys: the same user, and nobody else.
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
                    # A guest sends nothing; it has ended.
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    continue
                guest = waiting.accept()[0].detach()
                selector.register(guest, selectors.EVENT_READ)
                _hand_over(guest, listener)


def _hand_over(guest: int, listener: socket.socket) -> None:
    with socket.socket(fileno=os.dup(guest)) as door, suppress(OSError):
        socket.send_fds(door, [b"!"], [listener.fileno()])
