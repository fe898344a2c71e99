"""Liveness and readiness, answered without Flask so that the first probe does not wait for its import."""

from slipway.serving.log import LogWriter
from slipway.serving.metrics.board import Board
from slipway.serving.problems import Reason, Refusal
from slipway.serving.request import Reply, Request
from slipway.serving.settings import WhenLogFails

# The header that names the instance, one of several services on a port.
INSTANCE = "x-slipway-instance"
_LIVE = frozenset({"/healthz", "/v2/health/live"})


class Health:
    """Answers probes. A worker takes requests only after its bundle is verified and warm."""

    def __init__(self, board: Board, log: LogWriter, when_log_fails: WhenLogFails, instance: str) -> None:
        self._board = board
        self._log = log
        self._needs_log = when_log_fails is WhenLogFails.CLOSED
        self._names = ((INSTANCE, instance),) if instance else ()

    def answer(self, request: Request) -> Reply:
        """Return 200, or raise the refusal that says why the service is not ready."""
        if request.environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise Refusal(405, Reason.METHOD, "Expected GET.", headers=(("allow", "GET, HEAD"),))
        if request.environ["PATH_INFO"] in _LIVE:
            return Reply(b'{"status":"alive"}')
        if self._board.draining:
            raise Refusal(503, Reason.OVERLOADED, "The service is shutting down.")
        if self._needs_log and not self._log.probe():
            raise Refusal(503, Reason.LOG, "Cannot write the prediction log.")
        return Reply(b'{"status":"ready"}', headers=self._names)
