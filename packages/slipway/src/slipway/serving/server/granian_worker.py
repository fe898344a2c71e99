"""The worker process of granian, with the application called by its own protocol.

granian's adapter for WSGI copies the environment variables of the process into the environment of each request, and
keeps the object to itself that answers a request from another thread.
"""

import threading
from collections.abc import Callable
from typing import Any

from granian._futures import _new_cbscheduler
from granian._granian import WSGIWorker
from granian._signals import set_sync_signals
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

from slipway.serving.app.application import App
from slipway.serving.app.places import SERVER_PROTOCOL


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator]
def serve_app(worker_id: int, app: App, sock: Any, ipc: Any, loop: Any, *options: Any) -> None:
    """Serve requests until a signal ends the process; `options` are those of `MPServer`, in its order."""
    runtime, threads, blocking, python_threads, idle, backpressure, _, mode, http1, http2, *rest = options
    _, static, _, ssl, _, metrics = rest
    ended = threading.Event()
    shutdown = set_sync_signals()  # type: ignore[no-untyped-call]
    shutdown.add_cb(ended.set)
    worker = WSGIWorker(  # type: ignore[call-arg]
        worker_id,
        sock,
        ipc,
        threads,
        blocking,
        python_threads,
        idle,
        backpressure,
        mode,
        http1,
        http2,
        static,
        *ssl,
        metrics,
    )
    serve = getattr(worker, WORKERS_METHODS[runtime][False])
    scheduler = _new_cbscheduler(loop, _callback(app), impl_asyncio=True)  # type: ignore[no-untyped-call]
    serve(scheduler, loop, shutdown)
    ended.wait()


def _callback(app: App) -> Callable[[Any, dict[str, Any]], int]:
    """Return the function that granian calls in a thread for each request."""
    answer = app.answer

    def respond(protocol: Any, environ: dict[str, Any]) -> int:
        environ[SERVER_PROTOCOL] = protocol
        status, headers, body = answer(environ)
        protocol.response_bytes(status, headers, body)
        return status

    return respond
