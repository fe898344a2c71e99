"""The operations of the OpenAPI document, one for each route; bodies are named by their schemas, by `|` if several."""

from typing import Any

import msgspec

from slipway.serving.app.application import METRICS
from slipway.serving.protocols.csv_rows import CSV
from slipway.serving.protocols.mlflow import JSON_LINES
from slipway.serving.protocols.open_inference import BINARY

MONITORING = "/monitoring"
METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
HTML = "text/html; charset=utf-8"
# The statuses with which a route may refuse a request: one that scores, one that only reads.
_SCORING = (400, 408, 413, 415, 422, 500, 503)
_READING = (500, 503)
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


class Operation(msgspec.Struct, frozen=True):
    """One route: `request` and `response` name the schemas of JSON, `other` is content of other media types.

    `missing` is content of a response with 404.
    """

    path: str
    name: str
    tag: str
    summary: str
    response: str = ""
    other: dict[str, Any] = {}
    refusals: tuple[int, ...] = _READING
    request: str = ""
    description: str = ""
    status: int = 200
    links: dict[str, Any] = {}
    missing: dict[str, Any] = {}


def list_operations(path: str, versioned: str) -> tuple[Operation, ...]:
    """List every operation of the service whose model the Open Inference Protocol has at `path`, and `versioned`."""
    return (
        _PREDICT,
        _FEEDBACK,
        _INVOCATIONS,
        _infer(f"{path}/infer", "v2_infer"),
        _infer(f"{versioned}/infer", "v2_version_infer"),
        Operation("/ping", "ping", "protocols", "Readiness, as /readyz.", "Ready"),
        Operation("/v2", "v2", "protocols", "Metadata of the server.", "ServerMetadata"),
        Operation("/v2/health/live", "v2_live", "protocols", "Liveness, as /healthz.", "Alive", refusals=(500,)),
        Operation("/v2/health/ready", "v2_ready", "protocols", "Readiness, as /readyz.", "Ready"),
        Operation(path, "v2_model", "protocols", "Metadata of the model: its tensors.", "ModelMetadata"),
        Operation(versioned, "v2_version", "protocols", "The same by version.", "ModelMetadata"),
        Operation(f"{path}/ready", "v2_model_ready", "protocols", "Readiness of the model.", "ModelReady"),
        Operation(f"{versioned}/ready", "v2_version_ready", "protocols", "The same by version.", "ModelReady"),
        Operation("/healthz", "healthz", "service", "Liveness: the process runs.", "Alive", refusals=(500,)),
        Operation("/readyz", "readyz", "service", "Readiness: the service accepts requests.", "Ready"),
        Operation("/version", "version", "service", "The model served, and since when.", "VersionResponse"),
        Operation("/openapi.json", "openapi", "service", "This OpenAPI document.", "Document"),
        Operation(
            METRICS, "metrics", "service", "Prometheus metrics of all workers together.", other={METRICS_TEXT: _TEXT}
        ),
        Operation(
            MONITORING,
            "monitoring",
            "service",
            "The last report of the monitor.",
            other={HTML: _TEXT},
            missing={HTML: _TEXT},
        ),
        Operation("/", "page", "service", "A page to try the model.", other={HTML: _TEXT}),
    )


_PREDICT = Operation(
    "/predict",
    "predict",
    "model",
    "Predict one row or many.",
    request="PredictRequest",
    response="PredictResponse|BatchPredictResponse",
    refusals=_SCORING,
    description="A prediction is logged before it is returned. A row without a finite score, because a number "
    "in it is too large, is refused with 422.",
    links={
        "feedback": {
            "operationId": "feedback",
            "description": "Send the outcome of this prediction.",
            "requestBody": {"prediction_id": "$response.body#/prediction_id"},
        }
    },
)
_FEEDBACK = Operation(
    "/feedback",
    "feedback",
    "model",
    "Send outcomes of predictions.",
    request="FeedbackRequest|BatchFeedbackRequest",
    response="FeedbackAccepted|BatchFeedbackAccepted",
    refusals=_SCORING,
    status=202,
    description="An outcome is judged when it is joined with its prediction, because a replica of the service "
    "knows only its own predictions.",
)
_INVOCATIONS = Operation(
    "/invocations",
    "invocations",
    "protocols",
    "Predict by the protocol of MLflow, SageMaker and Vertex AI.",
    request="InvocationsRequest",
    response="InvocationsResponse",
    other={JSON_LINES[0]: _TEXT, CSV: _TEXT},
    # CSV truncated at the end of a line looks complete: it needs a Content-Length.
    refusals=(*_SCORING, 411),
    description="Columns may come in any order, and `inputs` as an object with an array for each column. "
    f"{CSV} with a header line and {JSON_LINES[0]} are accepted as well, and returned where Accept prefers them; "
    f"`{CSV};header=absent` leaves the header line out.",
)


def _infer(path: str, name: str) -> Operation:
    return Operation(
        path,
        name,
        "protocols",
        "Predict by the Open Inference Protocol.",
        request="InferenceRequest",
        response="InferenceResponse",
        other={BINARY: {}},
        refusals=_SCORING,
        description="The schema shows one row. Several rows have the shape [rows] and as many values; tensors may come "
        "in any order, those of fields with a default may be left out, and all may be bytes after the JSON (extension "
        "binary_tensor_data).",
    )
