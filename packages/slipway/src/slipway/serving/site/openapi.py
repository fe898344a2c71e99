"""The OpenAPI 3.1 document of a service, made from its structs, and from the contract and manifest of its bundle."""

from typing import Any

from slipway.bundle import Bundle
from slipway.serving.api.feedback import BatchFeedbackAccepted, FeedbackAccepted, feedback_struct
from slipway.serving.api.predict import VersionResponse, prediction_struct, response_structs
from slipway.serving.app.application import METRICS
from slipway.serving.problems import Problem
from slipway.serving.settings import Auth, ServingSettings
from slipway.serving.site.operations import (
    SCORING,
    Operation,
    describe_operation,
    describe_refusals,
    json_content,
)
from slipway.serving.site.protocol_schemas import describe_protocols, protocol_operations
from slipway.serving.site.schema import Schema, describe_row, describe_structs, exact, ref, rows_of

METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
HTML = "text/html; charset=utf-8"
_TEXT = {"schema": {"type": "string"}}
_TAGS = {
    "model": "Predictions and their outcomes.",
    "protocols": "The same predictions by the protocols of other serving tools.",
    "service": "Health, version, metrics and description of the service.",
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the scope service."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name; the key is the password."},
    "metrics": {"type": "http", "scheme": "bearer", "description": "A key of the scope metrics."},
}


def describe_api(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """Describe every route of the service, as it answers with these settings."""
    keys = settings.auth is Auth.KEYS
    operations = (*_model_operations(settings), *protocol_operations(bundle), *_service_operations())
    components: dict[str, Any] = {"schemas": _schemas(bundle, settings), "responses": describe_refusals()}
    if keys:
        components["securitySchemes"] = _SCHEMES
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"{bundle.manifest.problem}, a {bundle.manifest.task} model",
            "version": bundle.digest[:12],
            "description": "One sealed model over HTTP; the version is the start of its digest.",
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": {operation.path: describe_operation(operation, keys) for operation in operations},
        "components": components,
    }


def _schemas(bundle: Bundle, settings: ServingSettings) -> dict[str, Schema]:
    rows = rows_of(ref("Row"), settings.max_rows)
    forms = [ref("Row"), rows]
    if all(field.name != "rows" for field in bundle.fields):
        forms.append(exact({"rows": rows}))
    prediction = prediction_struct(bundle.manifest, settings.outcome)
    structs = describe_structs(
        prediction,
        *response_structs(prediction),
        feedback_struct(bundle.manifest),
        FeedbackAccepted,
        BatchFeedbackAccepted,
        VersionResponse,
        Problem,
    )
    return {
        "Row": describe_row(bundle),
        "PredictRequest": {"oneOf": forms},
        **structs,
        **describe_protocols(bundle, structs["Prediction"]["properties"], settings.max_rows),
    }


def _model_operations(settings: ServingSettings) -> tuple[Operation, ...]:
    link = {
        "operationId": "feedback",
        "description": "Send the outcome of this prediction.",
        "requestBody": {"prediction_id": "$response.body#/prediction_id"},
    }
    outcome = ref("FeedbackRequest")
    return (
        Operation(
            path="/predict",
            name="predict",
            tag="model",
            summary="Predict one row or many.",
            description="A prediction is logged before it is returned. A row without a finite score, because a number "
            "in it is too large, is refused with 422.",
            request=json_content(ref("PredictRequest")),
            response=json_content({"oneOf": [ref("PredictResponse"), ref("BatchPredictResponse")]}),
            refusals=SCORING,
            links={"feedback": link},
        ),
        Operation(
            path="/feedback",
            name="feedback",
            tag="model",
            summary="Send outcomes of predictions.",
            description="An outcome is judged when it is joined with its prediction, because a replica of the service "
            "knows only its own predictions.",
            request=json_content({"oneOf": [outcome, rows_of(outcome, settings.max_rows)]}),
            response=json_content({"oneOf": [ref("FeedbackAccepted"), ref("BatchFeedbackAccepted")]}),
            status=202,
            refusals=SCORING,
        ),
    )


def _service_operations() -> tuple[Operation, ...]:
    alive, ready = (json_content(exact({"status": {"const": word}})) for word in ("alive", "ready"))
    version = json_content(ref("VersionResponse"))
    document = json_content({"type": "object"})

    def read(path: str, name: str, summary: str, response: dict[str, Any], **more: Any) -> Operation:
        return Operation(path=path, name=name, tag="service", summary=summary, response=response, **more)

    return (
        read("/healthz", "healthz", "Liveness: the process runs.", alive, refusals=(500,)),
        read("/readyz", "readyz", "Readiness: the service accepts requests.", ready),
        read("/version", "version", "The model served, and since when.", version),
        read(METRICS, "metrics", "Prometheus metrics of all workers together.", {METRICS_TEXT: _TEXT}),
        read("/openapi.json", "openapi", "This OpenAPI document.", document),
        read("/", "page", "A page to try the model.", {HTML: _TEXT}),
    )
