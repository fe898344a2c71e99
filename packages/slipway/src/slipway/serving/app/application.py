"""The WSGI application: guards every route, answers scoring and health itself, leaves the rest to Flask.

Routing and request objects of a framework cost several times what scoring one row does, so scoring routes are a
dictionary look-up here. Keys, limits, errors, metrics and request ids apply to both kinds of route.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from slipway.serving.app.access_log import AccessLog
from slipway.serving.app.cross_origin import CrossOrigin
from slipway.serving.app.keys import Keyring, Scope
from slipway.serving.app.places import Places
from slipway.serving.app.shared import Shared
from slipway.serving.console import print_line
from slipway.serving.error_responses import PROBLEM_JSON, REASONS, ProblemDetails, Reason, Refusal, encode_problem
from slipway.serving.log import LogWriter
from slipway.serving.metrics.recorder import Recorder, Route
from slipway.serving.request import INSTANCE, Environ, Handler, Reply, Request, is_probe, read_body, request_id

# Probes need no key; every other route does where keys are used.
OPEN = frozenset({"/healthz", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"})
METRICS = "/metrics"
_LIVE = frozenset({"/healthz", "/v2/health/live"})
_STATUS = {code: f"{code} {reason}" for code, reason in REASONS.items()}

# Of an environment, beside what the server fills in.
_WSGI = {
    "SCRIPT_NAME": "",
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": True,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Any, StartResponse], Iterable[bytes]]


class App:
    """The WSGI application of one worker."""

    def __init__(
        self,
        shared: Shared,
        recorder: Recorder,
        log: LogWriter,
        scoring: Mapping[str, tuple[Route, Handler]],
        site: Callable[[], Wsgi],
    ) -> None:
        self.scoring = scoring
        self._routes = {**scoring, **dict.fromkeys(OPEN, (Route.HEALTH, self._probe))}
        self._other = (Route.OTHER, self._ask_site)
        self.load_site = site
        self._site: Wsgi | None = None
        self._settings = shared.settings
        self._board = shared.board
        self.recorder = recorder
        self._log = log
        file = shared.settings.api_keys_file
        self._keyring = Keyring(file) if shared.settings.auth == "keys" and file else None
        self._limit = shared.settings.max_body_kb << 10
        self.places = Places(shared.settings.max_concurrency, shared.settings.body_seconds)
        # A worker has one core: concurrent requests would only compete for the interpreter.
        self._turn = threading.Lock()
        self.access_log = AccessLog() if shared.settings.access_log == "on" else None
        origins = shared.settings.cors_origins
        self._cross_origin = CrossOrigin(origins) if origins else None

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer one request by WSGI."""
        status, headers, body = self.answer(environ)
        start(_STATUS[status], headers)
        return [body]

    def answer(self, environ: Environ) -> tuple[int, Headers, bytes]:
        """Answer one request with status, headers and body; no exception reaches the server."""
        began = time.perf_counter_ns()
        path = environ["PATH_INFO"]
        route, handler = self._routes.get(path, self._other)
        try:
            if self._cross_origin and self._cross_origin.is_preflight(environ):
                reply = self._cross_origin.allow()
            else:
                reply = self._reply(environ, path, route, handler, began)
        except Exception as error:  # noqa: BLE001 - a refusal, or answered with 500 and reported to the operator
            reply = refuse_request(environ, error, self.recorder)
        counted = Route.HEALTH if is_probe(environ) else route
        self.recorder.request(counted, reply.status, (time.perf_counter_ns() - began) / 1e9)
        status, headers, body = _response(environ, reply, self._board.closing)
        if self._cross_origin:
            headers += self._cross_origin.headers(environ)
        if self.access_log:
            self.access_log.write(environ, reply, (time.perf_counter_ns() - began) // 1000)
        return status, headers, body

    def _reply(self, environ: Environ, path: str, route: Route, handler: Handler, began: int) -> Reply:
        if route is Route.HEALTH:
            return handler(Request(environ, b"", began))
        self._guard(environ, path)
        if path == METRICS:
            # Those who look for the reason of an overload are answered in it.
            return handler(Request(environ, b"", began))
        place = self.places.take()
        try:
            if route is Route.OTHER:
                return handler(Request(environ, b"", began))
            if environ["REQUEST_METHOD"] != "POST":
                raise Refusal(Reason.METHOD, "Expected POST.", headers=(("allow", "POST"),))
            request = Request(environ, self._receive(environ), began)
            with self._turn:
                return handler(request)
        finally:
            self.places.give_back(place)

    def _receive(self, environ: Environ) -> bytes:
        self.places.begin_body(environ)
        try:
            return read_body(environ, self._limit)
        finally:
            self.places.end_body(environ)

    def _probe(self, request: Request) -> Reply:
        """Answer a probe without Flask, for whose import the first one would wait."""
        if request.environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise Refusal(Reason.METHOD, "Expected GET.", headers=(("allow", "GET, HEAD"),))
        if request.environ["PATH_INFO"] in _LIVE:
            return Reply(b'{"status":"alive"}')
        if self._board.draining:
            raise Refusal(Reason.OVERLOADED, "The service is shutting down.")
        if self._board.saturated(self._settings.saturated_seconds):
            detail = f"A worker had no free place, or did nothing, for {self._settings.saturated_seconds:g} seconds."
            raise Refusal(Reason.OVERLOADED, detail)
        if self._settings.when_log_fails == "closed" and not self._log.probe():
            raise Refusal(Reason.LOG, "Cannot write the prediction log.")
        name = self._settings.instance
        return Reply(b'{"status":"ready"}', headers=((INSTANCE, name),) if name else ())

    def _ask_site(self, request: Request) -> Reply:
        """Let Flask answer; a HEAD is a GET whose body is not sent."""
        if self._site is None:
            self._site = self.load_site()
        from werkzeug import Response

        method = request.environ["REQUEST_METHOD"]
        # Set before the copy is made, so that a problem made by Flask has the request id of the header.
        request_id(request.environ)
        environ = {**_WSGI, **request.environ, "REQUEST_METHOD": "GET" if method == "HEAD" else method}
        answer = Response.from_app(self._site, environ)
        kind, _ = answer.headers.pop("Content-Type"), answer.headers.pop("Content-Length", None)
        body, reason = answer.get_data(), ""
        if kind == PROBLEM_JSON:
            reason = msgspec.json.decode(body, type=ProblemDetails).type.rpartition(":")[2]
        return Reply(body, kind, answer.status_code, headers=(*answer.headers,), reason=reason)

    def _guard(self, environ: Environ, path: str) -> None:
        """Refuse clients without a key, where keys are used."""
        if self._keyring is None:
            return
        scope = Scope.METRICS if path == METRICS else Scope.SERVICE
        if not self._keyring.opens(environ.get("HTTP_AUTHORIZATION", ""), scope):
            detail = f"Expected the header Authorization: Bearer KEY, with a valid key of scope {scope.value}."
            ways = ('Basic realm="slipway", charset="UTF-8"', "Bearer")
            raise Refusal(Reason.UNAUTHORIZED, detail, headers=tuple(("www-authenticate", way) for way in ways))


def refuse_request(environ: Environ, error: Exception, recorder: Recorder) -> Reply:
    """Return a refusal, or a failure of the service, as a problem that repeats nothing of the request; count it."""
    name = request_id(environ)
    if not isinstance(error, Refusal):
        print_line(f"request {name} failed\n{''.join(traceback.format_exception(error))}")
        detail = "Internal error. The service's standard error has the reason under this request_id."
        error = Refusal(Reason.INTERNAL, detail)
    # A smoke test sends an invalid row on purpose.
    if error.reason is not Reason.INVALID_ROW or not is_probe(environ):
        recorder.reject(error.reason)
    body = encode_problem(error, name, environ["PATH_INFO"])
    return Reply(body, PROBLEM_JSON, error.status, name, error.headers, error.reason)


def _response(environ: Environ, reply: Reply, closing: bool) -> tuple[int, Headers, bytes]:
    headers = [
        ("content-type", reply.content_type),
        ("content-length", str(len(reply.body))),
        ("x-request-id", request_id(environ, reply.request_id)),
        *reply.headers,
    ]
    if closing:
        # A client that keeps its connection could send a request while it is closed, and lose it.
        headers.append(("connection", "close"))
    return reply.status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body
