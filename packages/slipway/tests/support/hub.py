"""A stand-in for GitHub's REST API on loopback: canned answers by method and path, and a record of what was asked."""

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Asked(NamedTuple):
    """One request: `path` comes with its query, `body` is decoded, header names are in lower case."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]


class Hub:
    """`answers` maps "GET /path" (without or with its query) to a body, a (status, body, headers), or a list of these.

    The last of a list stays; a function gets the request and returns one of them. What nothing is known of is a 404.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Any] = {}
        # Asked for what has no canned answer: for tests in which GitHub must remember.
        self.otherwise: Callable[[Asked], Any] = lambda asked: None
        self.asked: list[Asked] = []

    def changes(self) -> list[tuple[str, str]]:
        """What was sent to be changed, in order."""
        return [(each.method, each.path) for each in self.asked if each.method != "GET"]

    def answer(self, asked: Asked) -> tuple[int, Any, dict[str, str]]:
        self.asked.append(asked)
        bare = urlsplit(asked.path).path
        found = self.answers.get(f"{asked.method} {asked.path}", self.answers.get(f"{asked.method} {bare}"))
        if isinstance(found, Queue):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(asked)
        if found is None:
            found = self.otherwise(asked)
        if found is None:
            return 404, {"message": "Not Found"}, {}
        return found if isinstance(found, tuple) else (200, found, {})


class Queue(list):
    """Answers to be given one after the other."""


@contextmanager
def hub(tls: SSLContext | None = None):
    """The stand-in, serving until the block ends; over HTTPS with a context for it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.hub = Hub(f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer, extra = self.server.hub.answer(Asked(self.command, self.path, body, headers))
        data = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - as http.server calls them

    def log_message(self, *given: Any) -> None:
        pass
