"""The OpenAPI 3.1 document of a service, made from its structs, and from the contract and manifest of its bundle."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from slipway.bundle import Bundle
from slipway.serving.api.feedback import BatchFeedbackAccepted, FeedbackAccepted, feedback_struct
from slipway.serving.api.predict import VersionResponse, make_struct, prediction_struct, response_structs
from slipway.serving.app.application import METRICS, OPEN
from slipway.serving.error_responses import PROBLEM_JSON, REASONS, ProblemDetails
from slipway.serving.protocols.mlflow import invocations_response
from slipway.serving.protocols.open_inference_documents import (
    model_metadata,
    model_paths,
    model_readiness,
    server_metadata,
)
from slipway.serving.request import JSON
from slipway.serving.settings import ServingSettings
from slipway.serving.site.operations import Operation, list_operations
from slipway.serving.site.protocol_schemas import describe_inference, invocations_structs
from slipway.serving.site.schema import Schema, describe_row, describe_types, ref, row_struct

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
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}},
}
_REQUEST_ID = {
    "description": "X-Request-Id of the request if it is up to 64 letters, digits, dots and dashes, else a new one.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_ALIVE, _READY = (make_struct(word.title(), {"status": Literal[word]}) for word in ("alive", "ready"))


def describe_api(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """Describe every route of the service, as it answers with these settings."""
    keys = settings.auth == "keys"
    problem = {PROBLEM_JSON: {"schema": ref("ProblemDetails")}}
    components: dict[str, Any] = {
        "schemas": _schemas(bundle, settings),
        "responses": {str(status): _response(status, problem) for status in REASONS if status >= 400},
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
            operation.path: _describe(operation, keys) for operation in list_operations(*model_paths(bundle)[:2])
        },
        "components": components,
    }


def _schemas(bundle: Bundle, settings: ServingSettings) -> dict[str, Schema]:
    row: Any = row_struct(bundle)
    limits = Meta(min_length=1, max_length=settings.max_rows)
    rows = Annotated[list[row], limits]
    named = [make_struct("Rows", {"rows": rows})] if all(field.wire_name != "rows" for field in bundle.fields) else []
    outcome: Any = feedback_struct(bundle.manifest)
    prediction = prediction_struct(bundle.manifest)
    return {
        **describe_types(
            *response_structs(prediction),
            outcome,
            FeedbackAccepted,
            BatchFeedbackAccepted,
            VersionResponse,
            ProblemDetails,
            _ALIVE,
            _READY,
            invocations_response(bundle.manifest),
            PredictRequest=[row, rows, *named],
            BatchFeedbackRequest=[Annotated[list[outcome], limits]],
            InvocationsRequest=invocations_structs(row, rows, limits),
        ),
        **describe_inference(bundle),
        "ServerMetadata": {"const": server_metadata()},
        "ModelMetadata": {"const": model_metadata(bundle)},
        "ModelReady": {"const": model_readiness(bundle)},
        "Row": describe_row(bundle),
        "Document": {"type": "object"},
    }


def _describe(operation: Operation, keys: bool) -> dict[str, Any]:
    """Return the operation by its method, with the keys that open it where keys are used."""
    found: dict[str, Any] = {"operationId": operation.name, "tags": [operation.tag], "summary": operation.summary}
    if operation.description:
        found["description"] = operation.description
    if operation.request:
        found["requestBody"] = {"required": True, "content": _json(operation.request)}
    refused = {*operation.refusals}
    if keys:
        schemes = () if operation.path in OPEN else ("metrics",) if operation.path == METRICS else ("bearer", "basic")
        found["security"] = [{scheme: []} for scheme in schemes]
        refused |= {401} if schemes else set()
    returned = _response(operation.status, _json(operation.response) | operation.other)
    if operation.links:
        returned["links"] = operation.links
    missing = {"404": _response(404, operation.missing)} if operation.missing else {}
    problems = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refused)}
    found["responses"] = {str(operation.status): returned, **missing, **problems}
    return {"post" if operation.request else "get": found}


def _json(names: str) -> dict[str, Any]:
    """Return content that is JSON of the schema of this name, or of one of several."""
    schemas = [ref(name) for name in names.split("|") if name]
    return {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}} if schemas else {}


def _response(status: int, content: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Request-Id": _REQUEST_ID} | _HEADERS.get(status, {})
    return {"description": REASONS[status], "headers": headers, "content": content}
