"""The operations of the OpenAPI document: one struct for each route, and how it is written there."""

from typing import Any

import msgspec

from slipway.serving.app.application import METRICS, OPEN
from slipway.serving.problems import PROBLEM_JSON, REASONS
from slipway.serving.request import JSON
from slipway.serving.site.schema import Schema, ref

# The statuses with which a route may refuse a request: one that scores, one that only reads.
SCORING = (400, 413, 415, 422, 500, 503)
READING = (500, 503)
_SECURITY: dict[str, list[Any]] = {
    "anyone": [],
    "service": [{"bearer": []}, {"basic": []}],
    "metrics": [{"metrics": []}],
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


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What one route takes and returns; `request` and `response` are content by media type, `refusals` statuses."""

    path: str
    name: str
    tag: str
    summary: str
    response: dict[str, Any]
    description: str = ""
    request: dict[str, Any] | None = None
    status: int = 200
    refusals: tuple[int, ...] = READING
    links: dict[str, Any] = {}


def describe_operation(operation: Operation, keys: bool) -> dict[str, Any]:
    """Return the operation by its method, with the keys that open it where keys are used."""
    found: dict[str, Any] = {"operationId": operation.name, "tags": [operation.tag], "summary": operation.summary}
    if operation.description:
        found["description"] = operation.description
    if operation.request:
        found["requestBody"] = {"required": True, "content": operation.request}
    refused = set(operation.refusals)
    if keys:
        scope = "anyone" if operation.path in OPEN else "metrics" if operation.path == METRICS else "service"
        found["security"] = _SECURITY[scope]
        refused |= {401} if scope != "anyone" else set()
    returned = _response(operation.status, operation.response)
    if operation.links:
        returned["links"] = operation.links
    problems = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refused)}
    found["responses"] = {str(operation.status): returned, **problems}
    return {"post" if operation.request else "get": found}


def describe_refusals() -> dict[str, Any]:
    """Return every response that is a problem by its status, as operations refer to it."""
    content = {PROBLEM_JSON: {"schema": ref("Problem")}}
    return {str(status): _response(status, content) for status in REASONS if status >= 400}


def json_content(schema: Schema) -> dict[str, Any]:
    """Return content that is JSON of this schema."""
    return {JSON: {"schema": schema}}


def _response(status: int, content: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Request-Id": _REQUEST_ID} | _HEADERS.get(status, {})
    return {"description": REASONS[status], "headers": headers, "content": content}
