"""Cross-origin requests (CORS, https://fetch.spec.whatwg.org): the pages of others that may call the service."""

from slipway.serving.request import Environ, Reply

_ALLOWED = (
    ("access-control-allow-methods", "GET, HEAD, POST"),
    ("access-control-allow-headers", "authorization, content-type, traceparent, x-request-id"),
    ("access-control-max-age", "600"),
)


class CrossOrigin:
    """The origins in a list with commas between, `*` for all."""

    def __init__(self, origins: str) -> None:
        self._origins = {origin.strip().lower() for origin in origins.split(",")}

    def is_preflight(self, environ: Environ) -> bool:
        """Return True for a preflight request of an allowed origin; browsers send it without a key."""
        asks = environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        return asks and self._is_allowed(environ)

    def allow(self) -> Reply:
        """Answer a preflight request."""
        return Reply(b"", "text/plain", 204, headers=_ALLOWED)

    def headers(self, environ: Environ) -> list[tuple[str, str]]:
        """Return the headers of every response: a cache must not give one origin's to another."""
        if not self._is_allowed(environ):
            return [("vary", "origin")]
        return [
            ("vary", "origin"),
            ("access-control-allow-origin", environ["HTTP_ORIGIN"]),
            ("access-control-expose-headers", "x-request-id, retry-after"),
        ]

    def _is_allowed(self, environ: Environ) -> bool:
        origin = environ.get("HTTP_ORIGIN", "").lower()
        return bool(origin) and ("*" in self._origins or origin in self._origins)
