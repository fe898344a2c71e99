"""Connections beyond the limit of a worker: answered with 503 and closed, where they would wait for ever.

At its limit granian accepts one more, which it leaves alone until another ends, and the next ones wait in the
system's queue; probes wait with them.
"""

import socket
import time
from contextlib import suppress

from slipway.serving.error_responses import PROBLEM_JSON, Reason, Refusal, encode_problem
from slipway.serving.identifiers import format_identifier, new_identifier
from slipway.serving.server.connections import Connections

# Seconds for which a refused connection may still send its request: one closed before could lose the response.
_LINGER_SECONDS = 1.0
# Refused connections that linger; the next are closed at once.
_LINGERING = 128
_DETAIL = "Too many connections. Retry after 1 second."
# What a vanished client leaves behind is closed after about a minute.
_KEEP_ALIVE = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): 30,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): 10,
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"): 3,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): 60_000,
}


class Overflow:
    """Refuses connections of a worker that has as many as it may have."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lingering: dict[socket.socket, float] = {}
        self._left_alone = 0
        for listener in connections.listeners:
            _set_keep_alive(listener)

    @property
    def lingering(self) -> int:
        """The number of refused connections that are not closed yet."""
        return len(self._lingering)

    def refuse(self, open_connections: int) -> int:
        """Refuse what is above the limit, as far as it came; return how many."""
        refused = 0
        if open_connections > self._connections.limit:
            refused += self._refuse_unread()
        if open_connections >= self._connections.limit:
            refused += sum(self._refuse_waiting(listener) for listener in self._connections.listeners)
        return refused

    def end_lingering(self) -> None:
        """Read what refused clients send, and close their connections in time."""
        for connection, deadline in [*self._lingering.items()]:
            try:
                ended = not connection.recv(1 << 16)
            except BlockingIOError:
                ended = False
            except OSError:
                ended = True
            if ended or time.monotonic() > deadline:
                connection.close()
                del self._lingering[connection]

    def _refuse_unread(self) -> int:
        """Refuse the connection that granian accepted and leaves alone, once it sent something.

        It stays open until another one ends.
        """
        unread = self._connections.find_unread()
        if unread is None or unread[0] == self._left_alone:
            return 0
        self._left_alone, connection = unread
        _answer(connection)
        connection.close()
        return 1

    def _refuse_waiting(self, listener: socket.socket) -> int:
        refused = 0
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setblocking(False)
                refused += 1
                _answer(connection)
                if len(self._lingering) < _LINGERING:
                    self._lingering[connection] = time.monotonic() + _LINGER_SECONDS
                else:
                    connection.close()
        return refused


def _set_keep_alive(listener: socket.socket) -> None:
    """Let accepted connections inherit what ends those of vanished clients."""
    for (level, name), value in _KEEP_ALIVE.items():
        with suppress(OSError, AttributeError):
            listener.setsockopt(level, getattr(socket, name), value)


def _answer(connection: socket.socket) -> None:
    """Send the refusal; what the client sends is not read."""
    name = format_identifier(new_identifier())
    refusal = Refusal(Reason.OVERLOADED, _DETAIL)
    body = encode_problem(refusal, name, "")
    head = (
        f"HTTP/1.1 {refusal.status} Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {name}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
    )
    with suppress(OSError):
        connection.send(head.encode() + body, socket.MSG_DONTWAIT)
        connection.shutdown(socket.SHUT_WR)
