"""Hands connections on, byte by byte: to the socket of an engine, or to a port that is out of reach."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def relay(listener: socket.socket, target: str | tuple[str, int]) -> Iterator[None]:
    """Whoever connects to `listener` talks to `target`, a Unix socket or a port, until the block ends."""
    threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
    try:
        yield
    finally:
        # Closing alone would wake nobody up who waits in accept.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, target: str | tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            caller, _ = listener.accept()
            threading.Thread(target=_serve, args=(caller, target), daemon=True).start()


def _serve(caller: socket.socket, target: str | tuple[str, int]) -> None:
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    with caller, socket.socket(family) as called:
        try:
            called.connect(target)
        except OSError:
            return
        back = threading.Thread(target=_hand_on, args=(called, caller), daemon=True)
        back.start()
        _hand_on(caller, called)
        back.join()


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
