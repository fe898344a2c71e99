"""Send rows over connections that stay open: as fast as answers come, or at a constant rate."""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

_CONNECTIONS = 8


class Load(NamedTuple):
    """Milliseconds of each answer, and the rate at which they came."""

    latencies: np.ndarray
    rate: float


def http_request(row: dict[str, Any]) -> bytes:
    """Write a request for one row."""
    body = json.dumps(row).encode()
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def constant_rate(port: int, requests: list[bytes], rate: float, seconds: float) -> Load:
    """Send requests when they are due, whether or not earlier ones are answered, on connections that are free."""
    every = int(rate * seconds)
    found: list[float] = []
    with connections(port) as (selector, free):
        began = time.perf_counter()
        sent, due = 0, {}
        while len(found) < every:
            now = time.perf_counter()
            while free and sent < every and began + sent / rate <= now:
                link = free.pop()
                link.sendall(requests[sent % len(requests)])
                due[link] = began + sent / rate
                sent += 1
            wait = max(0.0, began + sent / rate - time.perf_counter()) if free and sent < every else 1.0
            for key, _ in selector.select(wait):
                receive(key.fileobj)
                found.append((time.perf_counter() - due.pop(key.fileobj)) * 1e3)
                free.append(key.fileobj)
        return Load(np.array(found), every / (time.perf_counter() - began))


def closed_loop(port: int, requests: list[bytes], seconds: float) -> Load:
    """Keep every connection busy."""
    done = 0
    with connections(port) as (selector, free):
        began = time.perf_counter()
        for link in free:
            link.sendall(requests[0])
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(1.0):
                receive(key.fileobj)
                done += 1
                key.fileobj.sendall(requests[done % len(requests)])
        return Load(np.array([]), done / (now - began))


@contextmanager
def connections(port: int) -> Iterator[tuple[selectors.BaseSelector, list[Any]]]:
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(_CONNECTIONS)]
        for link in links:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(link, selectors.EVENT_READ)
        yield selector, links


def receive(link: Any) -> None:
    """Read one answer, which must be a prediction."""
    answer = link.recv(65536)
    while not answer.endswith(b"}}"):
        answer += link.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        sys.exit(f"expected a prediction, found {answer[:200]!r}")
