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

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Connections that wait to be accepted; the system drops more.
_BACKLOG = 1024
_WAIT_SECONDS = 0.1


def end_on_signals(end: Callable[[int], object]) -> None:
    """Call `end(0)` on SIGTERM and SIGINT, which may be blocked.

    The image starts its command with SIGTERM blocked, because the first process of a container loses what it cannot
    handle; a supervisor forks its workers so.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda *_: end(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def start_with_signals_blocked(start: Callable[[], None]) -> None:
    """Fork with signals blocked, so that one waits in the child until it can be handled."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def resolve_host(host: str, port: int) -> str:
    """Return the address of `host`; raises `SettingsError` if it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(
            f"Cannot resolve SLIPWAY_HOST {host!r}: {error}. Expected an address or name of this machine."
        ) from error
    return str(found[0][4][0])


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on the port; raises `SettingsError` if it is in use: the system would let two services share it."""
    address = resolve_host(host, port)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {address} cannot be used: {error.strerror}. Choose another with --port or SLIPWAY_PORT."
        ) from error


def hold_port(host: str, port: int, path: Path) -> None:
    """Listen on the port and hand its socket to every service that connects to `path`, until SIGTERM or SIGINT.

    Raises `SettingsError` for a port that is in use, or a Unix socket that cannot be created.
    """
    end_on_signals(sys.exit)
    with listen_on(host, port) as listener, _open(path) as acceptor:
        print_line(f"holding port {port} of {host} for services that connect to {path}")
        try:
            _serve_listener(acceptor, listener)
        finally:
            # A socket file that stays would look like a running holder.
            path.unlink(missing_ok=True)


def receive_listener(path: Path) -> tuple[socket.socket, socket.socket]:
    """Return the listening socket of the holder, and a connection that ends with the holder; waits for a holder.

    Raises `SettingsError` for a path that cannot be connected to.
    """
    told = False
    while True:
        holder = socket.socket(socket.AF_UNIX)
        try:
            holder.connect(str(path))
            _, handed, _, _ = socket.recv_fds(holder, 1, 1)
            if handed:
                return socket.socket(fileno=handed[0]), holder
        except (FileNotFoundError, ConnectionError):
            pass
        except OSError as error:
            raise SettingsError(
                f"Cannot connect to SLIPWAY_LISTENER {path}: {error}. Expected the Unix socket of a `slipway hold` of "
                "the same user."
            ) from error
        holder.close()
        if not told:
            print_line(f"waiting for a `slipway hold` at {path}")
            told = True
        time.sleep(_WAIT_SECONDS)


def end_with_holder(holder: socket.socket) -> None:
    """End this process with SIGTERM once the holder has ended: its socket gets no connections any more."""

    def watch() -> None:
        with suppress(OSError):
            while holder.recv(1):
                pass
        print_line("the holder of the port has ended")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _open(path: Path) -> socket.socket:
    """Create the Unix socket, in place of one that a killed holder left; it appears once it listens."""
    acceptor, part = socket.socket(socket.AF_UNIX), path.with_name(f"{path.name}.part")
    try:
        if path.exists() and not path.is_socket():
            raise SettingsError(f"{path} is a file. Expected a path that is free or a socket; it was not replaced.")
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(str(path))
            raise SettingsError(f"Another `slipway hold` runs at {path}. Choose another path, or end that one first.")
        part.unlink(missing_ok=True)
        acceptor.bind(str(part))
        acceptor.listen()
        # The socket brings the requests and keys of clients: only this user may connect to it.
        part.chmod(0o600)
        part.rename(path)
    except OSError as error:
        raise SettingsError(
            f"Cannot create {path}: {error.strerror or error}. Expected a path of at most 100 characters in a folder "
            f"that this user (uid {os.getuid()}) may write."
        ) from error
    return acceptor


def _serve_listener(acceptor: socket.socket, listener: socket.socket) -> None:
    """Send the listening socket to each service that connects."""
    with selectors.DefaultSelector() as selector:
        selector.register(acceptor, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is acceptor:
                    service, _ = acceptor.accept()
                    selector.register(service, selectors.EVENT_READ)
                    with suppress(OSError):
                        socket.send_fds(service, [b"!"], [listener.fileno()])
                elif isinstance(key.fileobj, socket.socket):
                    # A service sends nothing: it has ended.
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
