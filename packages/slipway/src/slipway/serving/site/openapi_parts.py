"""What the operations of the OpenAPI document are put together from."""

from collections.abc import Iterable
from typing import Any

from slipway.serving.app.application import METRICS, OPEN
from slipway.serving.problems import PROBLEM_JSON, REASONS
from slipway.serving.request import JSON
from slipway.serving.site.schema import Schema

# How a request can be refused, by what it is for.
ASKING = (400, 413, 415, 422, 500, 503)
LOOKING = (500, 503)
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


def operation(
    name: str,
    tag: str,
    summary: str,
    answers: dict[str, Any],
    refusals: Iterable[int],
    *,
    description: str = "",
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One operation: `answers` are responses by status, `body` the content taken.

    The statuses of its `refusals` stay apart until `finished` knows under which path it stands.
    """
    found: dict[str, Any] = {"operationId": name, "tags": [tag], "summary": summary}
    if description:
        found["description"] = description
    if body:
        found["requestBody"] = {"required": True, "content": body}
    return found | {"responses": answers, "refusals": tuple(refusals)}


def finished(path: str, unfinished: dict[str, Any], keys: bool) -> dict[str, Any]:
    """The operation under its path: how it refuses, and which keys open it where keys are used."""
    found = dict(unfinished)
    refused = set(found.pop("refusals"))
    if keys:
        scope = "anyone" if path in OPEN else "metrics" if path == METRICS else "service"
        found["security"] = _SECURITY[scope]
        refused |= {401} if scope != "anyone" else set()
    kind = "v2_" if path.startswith("/v2") else ""
    problems = {str(status): {"$ref": f"#/components/responses/{kind}{status}"} for status in sorted(refused)}
    return found | {"responses": found["responses"] | problems}


def response(description: str, content: dict[str, Any], status: int = 200, **more: Any) -> dict[str, Any]:
    """One response; all of the service's have a request id."""
    headers = {"X-Request-Id": _REQUEST_ID} | _HEADERS.get(status, {})
    return {"description": description, "headers": headers, "content": content, **more}


def refusals() -> dict[str, Any]:
    """Every response that is a problem, as operations refer to it: by status, and those under /v2 apart."""
    return {
        f"{kind}{status}": response(title, {PROBLEM_JSON: {"schema": ref(problem)}}, status)
        for kind, problem in (("", "Problem"), ("v2_", "InferenceProblem"))
        for status, title in REASONS.items()
        if status >= 400
    }


def json(found: Schema) -> dict[str, Any]:
    """Content that is JSON of this schema."""
    return {JSON: {"schema": found}}


def ref(name: str) -> Schema:
    """The schema of this name among the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}
