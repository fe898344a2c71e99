"""The request as every route gets it, and the reply that it returns."""

import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from slipway.serving.error_responses import Reason, Refusal
from slipway.serving.identifiers import format_identifier, new_identifier

JSON = "application/json"
# The header that names the instance, one of several services on a port.
INSTANCE = "x-slipway-instance"
# The header of a request that tests the service, such as those of `slipway deploy`: it is answered and logged like any
# other, and marked in the log, because it is no traffic.
PROBE = "x-slipway-probe"
_PROBE_KEY = "HTTP_X_SLIPWAY_PROBE"
Environ = Mapping[str, Any]
_GZIP = ("gzip", "x-gzip")
# Of zlib: the largest window, with the header and checksum of gzip.
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
# What follows a member is copied for the next one: a body of nothing but small members would take minutes.
_GZIP_MEMBERS = 100
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Request(NamedTuple):
    """A request whose body was read; `began` is in nanoseconds of `perf_counter_ns`."""

    environ: Environ
    body: bytes
    began: int

    @property
    def is_probe(self) -> bool:
        """Tell whether it tests the service."""
        return is_probe(self.environ)


class Reply(NamedTuple):
    """A response; `request_id` is set where it has an identifier of its own, `reason` where it refuses."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""


Handler = Callable[[Request], Reply]


def is_probe(environ: Environ) -> bool:
    """Tell whether a request tests the service, by its header `PROBE`."""
    return _PROBE_KEY in environ


def sent_identifiers(environ: Environ) -> tuple[str | None, str | None]:
    """Return X-Request-Id and traceparent as the caller sent them, None for what is missing or malformed."""
    request, trace = environ.get("HTTP_X_REQUEST_ID"), environ.get("HTTP_TRACEPARENT")
    return (
        request if request and _REQUEST_ID.fullmatch(request) else None,
        trace if trace and _TRACEPARENT.fullmatch(trace) else None,
    )


def read_body(environ: Environ, limit: int) -> bytes:
    """Read at most `limit` bytes, after gzip too; raises `Refusal`: 413 for more, 400 for fewer than announced."""
    announced = environ.get("CONTENT_LENGTH")
    length = limit if announced is None else int(announced)
    body: bytes = environ["wsgi.input"].read(limit + 1) if length <= limit else b""
    if length > limit or len(body) > limit:
        raise Refusal(Reason.TOO_LARGE, f"Body too large: expected at most {limit:,} bytes. Split the request.")
    if announced is not None and len(body) != length:
        raise Refusal(Reason.INCOMPLETE, "Incomplete body: fewer bytes arrived than Content-Length says.")
    return _decompress(body, limit) if environ.get("HTTP_CONTENT_ENCODING", "").lower() in _GZIP else body


def _decompress(body: bytes, limit: int) -> bytes:
    """Decompress at most `limit` bytes, whatever the body would become."""
    found = b""
    for _ in range(_GZIP_MEMBERS):
        member = zlib.decompressobj(_GZIP_FORMAT)
        try:
            found += member.decompress(body, limit + 1 - len(found))
        except zlib.error:
            raise Refusal(Reason.MALFORMED, "Malformed gzip, as which Content-Encoding describes the body.") from None
        if len(found) > limit:
            raise Refusal(Reason.TOO_LARGE, f"Body too large: expected at most {limit:,} bytes once decompressed.")
        if not member.eof:
            raise Refusal(Reason.INCOMPLETE, "Incomplete body: the gzip in it has no end.")
        body = member.unused_data
        if not body:
            return found
    raise Refusal(Reason.TOO_LARGE, f"Body too large: expected at most {_GZIP_MEMBERS} members in its gzip.")


def request_id(environ: Any, own: str | None = None) -> str:
    """Return the client's X-Request-Id if it is a plain name, else `own` or a new one; it stays for the request."""
    found: str | None = environ.get("slipway.request_id")
    if found is None:
        found = sent_identifiers(environ)[0] or own or format_identifier(new_identifier())
        environ["slipway.request_id"] = found
    return found


def read_media_type(environ: Environ) -> str:
    """Return the content type without parameters, in lower case; raises `Refusal` for an unsupported encoding."""
    given: str = environ.get("CONTENT_TYPE", "")
    if given == JSON and "HTTP_CONTENT_ENCODING" not in environ:
        return given
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", *_GZIP):
        raise Refusal(Reason.CONTENT_TYPE, "Unsupported Content-Encoding. Send the body uncompressed, or as gzip.")
    kind, _, parameters = given.partition(";")
    charset = [part.partition("=")[2] for part in parameters.lower().split(";") if part.strip().startswith("charset=")]
    if any(name.strip().strip('"') not in ("utf-8", "utf8") for name in charset):
        raise Refusal(Reason.CONTENT_TYPE, "Unsupported charset. Send the body in UTF-8.")
    return kind.strip().lower()


def require_json(environ: Environ) -> None:
    """Raise `Refusal` (415) for another content type than JSON."""
    if read_media_type(environ) != JSON:
        detail = f"Expected Content-Type: {JSON}. Rows as CSV or JSON lines go to /invocations."
        raise Refusal(Reason.CONTENT_TYPE, detail)
