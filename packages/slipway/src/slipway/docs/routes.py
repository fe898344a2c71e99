"""The page of the service's routes, from the operations of its OpenAPI document."""

from slipway.markdown import markdown_table
from slipway.serving.error_responses import REASONS
from slipway.serving.site.operations import Operation, list_operations

_ABOUT = """\
# REST API

Every service describes itself at `/openapi.json`, with the fields of its own contract. All have
these routes; NAME stands for the problem, VERSION for the start of the bundle's digest. Examples, keys and
limits: `docs/service.md`.
"""


def render_routes() -> str:
    """Return the page."""
    return "\n".join(
        [_ABOUT, *map(_render_route, list_operations("/v2/models/NAME", "/v2/models/NAME/versions/VERSION"))]
    )


def _render_route(operation: Operation) -> str:
    method = "POST" if operation.request else "GET"
    bodies = " or ".join(f"`{name}`" for name in operation.request.split("|") if name)
    returned = [*(f"`{name}`" for name in operation.response.split("|") if name), *operation.other]
    lines = [(f"{operation.status} {REASONS[operation.status]}", " or ".join(returned))]
    lines += [(f"{status} {REASONS[status]}", "`ProblemDetails`") for status in sorted(operation.refusals)]
    parts = [f"## {method} {operation.path}", operation.summary, operation.description]
    parts += [f"Request: {bodies}."] if bodies else []
    return "\n\n".join([*filter(None, parts), markdown_table(["response", "body"], lines)]) + "\n"
