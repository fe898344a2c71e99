"""The access log: a JSON line on standard output for each request, refusals among them; no query, header or body."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from slipway.serving.error_responses import Reason
from slipway.serving.request import Environ, Reply, request_id, sent_identifiers

_STANDARD_OUTPUT = 1
_LONGEST_PATH = 200


class AccessLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request; `duration_us` ends before the response is sent, `reason` is that of a refusal."""

    time: datetime
    status: int
    reason: str = ""
    method: str = ""
    path: str = ""
    duration_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    client: str = ""
    request_id: str = ""
    traceparent: str | None = None


class AccessLog:
    """Writes a line in one go, so that the lines of several workers do not mix."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def write(self, environ: Environ, reply: Reply, duration_us: int) -> None:
        """Write the line of a request that was answered."""
        line = AccessLine(
            datetime.now(UTC),
            reply.status,
            reply.reason,
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"][:_LONGEST_PATH],
            duration_us,
            int(environ.get("CONTENT_LENGTH") or 0),
            len(reply.body),
            environ.get("REMOTE_ADDR", ""),
            request_id(environ),
            sent_identifiers(environ)[1],
        )
        self._print(line)

    def write_refused_connections(self, number: int) -> None:
        """Write a line for each connection above the limit, of whose request nothing is known."""
        for _ in range(number):
            self._print(AccessLine(datetime.now(UTC), Reason.OVERLOADED.status, Reason.OVERLOADED))

    def _print(self, line: Any) -> None:
        # Standard output may be a pipe whose reader ended, or a file on a full disk: that ends no request.
        with suppress(OSError):
            os.write(_STANDARD_OUTPUT, self._encode(line) + b"\n")
