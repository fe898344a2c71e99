"""The OpenAPI 3.1 document of a service, made from the contract and the manifest of the bundle that it serves."""

from typing import Any

from slipway.bundle import Bundle
from slipway.serving.app.application import METRICS
from slipway.serving.settings import Auth, ServingSettings
from slipway.serving.site import schema
from slipway.serving.site.openapi_parts import ASKING, LOOKING, finished, json, operation, ref, refusals, response
from slipway.serving.site.openapi_protocols import protocol_paths, protocol_schemas
from slipway.serving.site.schema import exact

METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"
HTML = "text/html; charset=utf-8"
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
    operations = {**_model_paths(settings), **protocol_paths(bundle), **_service_paths()}
    components: dict[str, Any] = {
        "schemas": _schemas(bundle, settings) | protocol_schemas(bundle, settings),
        "responses": refusals(),
    }
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
        "paths": {
            path: {method: finished(path, each, keys) for method, each in methods.items()}
            for path, methods in operations.items()
        },
        "components": components,
    }


def _model_paths(settings: ServingSettings) -> dict[str, Any]:
    link = {
        "operationId": "feedback",
        "description": "Send the outcome of this prediction.",
        "requestBody": {"prediction_id": "$response.body#/prediction_id"},
    }
    answers = json({"oneOf": [ref("PredictResponse"), ref("BatchPredictResponse")]})
    outcomes = {"type": "array", "items": ref("FeedbackRequest"), "minItems": 1, "maxItems": settings.max_rows}
    accepted = exact({"accepted": {"type": "array", "items": ref("FeedbackAccepted"), "minItems": 1}})
    return {
        "/predict": {
            "post": operation(
                "predict",
                "model",
                "Predict one row or many.",
                {"200": response("OK", answers, links={"feedback": link})},
                ASKING,
                description="A prediction is logged before it is returned. A row without a finite score, because a "
                "number in it is too large, is refused with 422.",
                body=json(ref("PredictRequest")),
            )
        },
        "/feedback": {
            "post": operation(
                "feedback",
                "model",
                "Send outcomes of predictions.",
                {"202": response("Accepted", json({"oneOf": [ref("FeedbackAccepted"), accepted]}))},
                ASKING,
                description="An outcome is judged when it is joined with its prediction, because a replica of the "
                "service knows only its own predictions.",
                body=json({"oneOf": [ref("FeedbackRequest"), outcomes]}),
            )
        },
    }


def _service_paths() -> dict[str, Any]:
    def get(name: str, summary: str, content: dict[str, Any], refused: tuple[int, ...] = LOOKING) -> dict[str, Any]:
        return {"get": operation(name, "service", summary, {"200": response("OK", content)}, refused)}

    text = {"schema": schema.TEXT}
    return {
        "/healthz": get("healthz", "Liveness: the process runs.", json(schema.state("alive")), (500,)),
        "/readyz": get("readyz", "Readiness: the service accepts requests.", json(schema.state("ready"))),
        "/version": get("version", "The model served, and since when.", json(ref("VersionResponse"))),
        METRICS: get("metrics", "Prometheus metrics of all workers together.", {METRICS_TEXT: text}),
        "/openapi.json": get("openapi", "This OpenAPI document.", json({"type": "object"})),
        "/": get("page", "A page to try the model.", {HTML: text}),
    }


def _schemas(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    manifest = bundle.manifest
    rows = {"type": "array", "items": ref("Row"), "minItems": 1, "maxItems": settings.max_rows}
    question = [ref("Row"), rows]
    if all(field.name != "rows" for field in bundle.fields):
        question.append(exact({"rows": rows}))
    answer = schema.answer(manifest)
    model = {"model": ref("Model")}
    return {
        "Row": schema.row(bundle),
        "PredictRequest": {"oneOf": question},
        "PredictResponse": exact(answer["properties"] | model),
        "BatchPredictResponse": exact({"predictions": {"type": "array", "items": answer, "minItems": 1}} | model),
        "Model": exact({"name": {"const": manifest.problem}, "digest": {"const": bundle.digest}}),
        "FeedbackRequest": schema.outcome(manifest),
        "FeedbackAccepted": exact({"feedback_id": schema.IDENTIFIER, "prediction_id": schema.IDENTIFIER}),
        "VersionResponse": schema.version(manifest),
        "Problem": schema.problem(),
    }
