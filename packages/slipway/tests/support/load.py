"""Callers that ask on and on, each on its own connection, and remember what they were told."""

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

# Seconds between two requests with which four callers make 200 requests a second.
STEADY = 0.02


class Callers:
    """`number` threads that POST `row` to /predict; use as a context, then read `acknowledged` and `failures`.

    Without a `pause` they take whatever the machine can give, and leave little of it to what is tested.

    A connection that breaks before an answer is no failure of the answer: it counts in `broken`, and the caller
    connects again.
    """

    def __init__(self, url: str, row: dict[str, Any], number: int = 4, pause: float = 0) -> None:
        self.acknowledged: list[str] = []
        self.failures: list[tuple[int, str]] = []
        self.broken = 0
        self._address = urlsplit(url)
        self._body = json.dumps(row)
        self._pause = pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(number)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            try:
                connection.request("POST", "/predict", self._body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
                connection = self._connect()
                self._stop.wait(0.01)
                continue
            if answer.status == 200:
                self.acknowledged.append(json.loads(content)["prediction_id"])
            else:
                self.failures.append((answer.status, content.decode()))
            self._stop.wait(self._pause)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=10)
