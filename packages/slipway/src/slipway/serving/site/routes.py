"""The Flask application of the routes for people and tools: page, metrics, version, OpenAPI, metadata."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from slipway.bundle import Bundle
from slipway.serving.api.predict import Model, VersionResponse, describe_model
from slipway.serving.app.application import METRICS, refuse_request
from slipway.serving.app.shared import Shared, State
from slipway.serving.error_responses import Reason, Refusal
from slipway.serving.metrics.exposition import Gauge, expose_metrics
from slipway.serving.metrics.monitor_gauges import read_monitor_gauges
from slipway.serving.metrics.recorder import Recorder
from slipway.serving.protocols.open_inference_documents import (
    model_metadata,
    model_paths,
    model_readiness,
    server_metadata,
)
from slipway.serving.request import JSON
from slipway.serving.site.monitoring import show_report
from slipway.serving.site.openapi import describe_api
from slipway.serving.site.operations import METRICS_TEXT, MONITORING
from slipway.serving.site.page import send_asset, show_page


def make_site(shared: Shared, bundle: Bundle, recorder: Recorder, log_writable: Callable[[], bool]) -> Flask:
    """Return the Flask application of one worker; the `App` in front of it handles keys and request ids."""
    site = Flask(__name__, static_folder=None)
    # Every response is one that the OpenAPI document names: no OPTIONS, no redirect to a tidier address.
    site.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    site.url_map.merge_slashes = False
    site.add_url_rule("/", "page", partial(show_page, shared, bundle))
    site.add_url_rule(MONITORING, "monitoring", partial(show_report, shared))
    site.add_url_rule("/static/<name>", "static", send_asset)
    site.add_url_rule(METRICS, "metrics", partial(_metrics, shared, bundle, log_writable))
    for path, document in _documents(shared, bundle).items():
        site.add_url_rule(path, path, partial(Response, msgspec.json.encode(document), content_type=JSON))
    site.before_request(_refuse_untidy)
    site.register_error_handler(Exception, partial(_refuse, recorder))
    site.after_request(_secure)
    return site


def _documents(shared: Shared, bundle: Bundle) -> dict[str, Any]:
    """Return the documents that stay the same while the service runs, by path."""
    documents = {
        "/version": VersionResponse(
            describe_model(bundle),
            bundle.manifest.task,
            datetime.fromtimestamp(shared.started, UTC),
            shared.settings.processes,
            _describe_shadow(shared),
        ),
        "/openapi.json": describe_api(bundle, shared.settings),
        "/v2": server_metadata(),
    }
    for path in model_paths(bundle):
        documents[path] = model_metadata(bundle)
        documents[f"{path}/ready"] = model_readiness(bundle)
    return documents


def _describe_shadow(shared: Shared) -> Model | None:
    if shared.shadowing is None:
        return None
    sealed = shared.shadowing.sealed
    return Model(sealed.manifest.problem, sealed.digest)


def _metrics(shared: Shared, bundle: Bundle, log_writable: Callable[[], bool]) -> Response:
    board, workers = shared.board, shared.settings.processes
    model = {"name": bundle.manifest.problem, "digest": bundle.digest, "task": bundle.manifest.task.value}
    gauges = (
        Gauge("slipway_model_info", "Digest, name and task of the model served.", 1.0, model),
        Gauge("slipway_started_seconds", "Start time of the service, in seconds since the Unix epoch.", shared.started),
        Gauge("slipway_workers", "Configured number of worker processes.", float(workers)),
        Gauge("slipway_workers_ready", "Number of worker processes that are ready.", float(board.ready())),
        Gauge("slipway_connections", "Open connections.", float(board.connections())),
        Gauge(
            "slipway_connections_limit",
            "Open connections that all workers accept.",
            float(workers * shared.settings.max_connections),
        ),
        Gauge(
            "slipway_saturated",
            "1 if a worker had no free place, or did nothing, for SLIPWAY_SATURATED_SECONDS, else 0.",
            float(board.saturated(shared.settings.saturated_seconds)),
        ),
        Gauge("slipway_draining", "1 while the service drains before it shuts down, else 0.", float(board.draining)),
        Gauge(
            "slipway_log_writable",
            "1 if the worker that was asked can write the prediction log, else 0.",
            float(log_writable()),
        ),
        *_shadow_gauges(shared),
    )
    monitored = read_monitor_gauges(shared.settings.log)
    text = expose_metrics(shared.families, board.totals(), gauges, monitored)
    return Response(text, content_type=METRICS_TEXT)


def _shadow_gauges(shared: Shared) -> tuple[Gauge, ...]:
    if shared.shadowing is None:
        return ()
    queues, board = shared.shadowing.queues, shared.board
    running = board.state(board.shadow_section) is State.READY
    return (
        Gauge("slipway_shadow_info", "Digest of the shadow's model.", 1.0, {"digest": shared.shadowing.sealed.digest}),
        Gauge("slipway_shadow_running", "1 if the process of the shadow is ready, else 0.", float(running)),
        Gauge(
            "slipway_shadow_waiting_rows",
            "Rows that wait for the shadow.",
            float(shared.shadowing.waiting_rows),
        ),
        Gauge(
            "slipway_shadow_waiting_bytes",
            "Bytes of the rows that wait for the shadow.",
            float(sum(queue.waiting_bytes for queue in queues)),
        ),
    )


def _refuse_untidy() -> None:
    """Refuse //metrics, which werkzeug takes for /metrics: that route has a key of its own."""
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)


def _refuse(recorder: Recorder, error: Exception) -> Response:
    """Return an error as every other route does."""
    reply = refuse_request(request.environ, _translate(error), recorder)
    return Response(reply.body, reply.status, [*reply.headers], content_type=reply.content_type)


def _translate(error: Exception) -> Exception:
    """Return the refusal that an error of werkzeug stands for, any other error as it is."""
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        return Refusal(Reason.METHOD, "Expected GET.", headers=(("allow", methods),))
    if isinstance(error, NotFound):
        return Refusal(Reason.NOT_FOUND, "No route at this path. /openapi.json lists the routes.")
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return Refusal(Reason.INVALID_REQUEST, "Malformed request.", status=400)
    return error


def _secure(answer: Response) -> Response:
    answer.headers.setdefault("cache-control", "no-store")
    answer.headers["x-content-type-options"] = "nosniff"
    answer.headers["referrer-policy"] = "no-referrer"
    return answer
