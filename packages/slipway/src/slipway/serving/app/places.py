"""The places of a worker: how many requests it holds at once, and for how long a body may take to arrive.

A client that stalls in a body holds a thread of the server, which waits for more of it. After `SLIPWAY_BODY_SECONDS`
another thread answers the request, and leaves out the last byte: the server then closes the connection, which ends
the wait.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.serving.error_responses import PROBLEM_JSON, Reason, Refusal, encode_problem
from slipway.serving.request import request_id

# The key of a request's environment with the server's own object, which can answer it from any thread.
SERVER_PROTOCOL = "slipway.protocol"
_SEND_SECONDS = 0.1


class Places:
    """The requests that a worker holds."""

    def __init__(self, places: int, body_seconds: float) -> None:
        # pop and append of a deque are atomic: a counter that needs no lock.
        self._free = deque(range(places))
        self._body_seconds = body_seconds
        # Since when a body is read, and the environment of its request, by the identity of that. Whoever takes an entry
        # out answers the request.
        self._bodies: dict[int, tuple[float, Mapping[str, Any]]] = {}

    @property
    def full(self) -> bool:
        """True if the next request is refused."""
        return not self._free

    def take(self) -> int:
        """Take a place, to be given back; raises `Refusal` (503) if none is free."""
        try:
            return self._free.pop()
        except IndexError:
            detail = "Too many concurrent requests. Retry after 1 second."
            raise Refusal(Reason.OVERLOADED, detail, headers=(("retry-after", "1"),)) from None

    def give_back(self, place: int) -> None:
        """Give a place back."""
        self._free.append(place)

    def begin_body(self, environ: Mapping[str, Any]) -> None:
        """Begin to measure how long a body takes."""
        self._bodies[id(environ)] = time.monotonic(), environ

    def end_body(self, environ: Mapping[str, Any]) -> None:
        """End measuring; raises `Refusal` (408) for a body that took too long, which was answered meanwhile."""
        if self._bodies.pop(id(environ), None) is None:
            raise self._slow_body()

    def answer_slow_bodies(self) -> None:
        """Answer requests whose body takes too long, and let the server close their connections."""
        before = time.monotonic() - self._body_seconds
        for name, (began, environ) in [*self._bodies.items()]:
            if began < before and self._bodies.pop(name, None) is not None:
                # The server reads a response's parts in the thread that answers.
                threading.Thread(target=self._answer_slow_body, args=(environ,), daemon=True).start()

    def _answer_slow_body(self, environ: Mapping[str, Any]) -> None:
        name = request_id(environ)
        body = encode_problem(self._slow_body(), name, environ["PATH_INFO"])
        headers = [
            ("content-type", PROBLEM_JSON),
            ("content-length", str(len(body) + 1)),
            ("x-request-id", name),
            ("connection", "close"),
        ]
        environ[SERVER_PROTOCOL].response_iter(Reason.SLOW_BODY.status, headers, _Unfinished(body))

    def _slow_body(self) -> Refusal:
        return Refusal(Reason.SLOW_BODY, f"Slow body: expected all of it within {self._body_seconds:g} seconds.")


class _Unfinished:
    """The only part of a response's body, as the server reads it; the end comes when that part was sent."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._body:
            body, self._body = self._body, b""
            return body
        time.sleep(_SEND_SECONDS)
        raise StopIteration

    def close(self) -> None:
        """Close nothing: the server calls it at the end."""
