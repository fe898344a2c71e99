"""Errors as clients see them: problem+json (RFC 9457) that never repeats what the client sent."""

from enum import StrEnum
from typing import Any

import msgspec

PROBLEM_JSON = "application/problem+json"
REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Reason(StrEnum):
    """Why a request is refused: the last part of the problem's `type`, and a label of the metric of rejects."""

    MALFORMED = "malformed-json"
    DUPLICATE_KEY = "duplicate-key"
    CONTENT_TYPE = "content-type"
    INCOMPLETE = "incomplete-body"
    TOO_LARGE = "too-large"
    TOO_MANY_ROWS = "too-many-rows"
    INVALID_REQUEST = "invalid-request"
    INVALID_ROW = "invalid-row"
    NO_SCORE = "no-score"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not-found"
    METHOD = "method-not-allowed"
    OVERLOADED = "overloaded"
    LOG = "log-unavailable"
    INTERNAL = "internal"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with one row: rows count from 0, `field` is None where the row as a whole is meant."""

    row: int
    field: str | None
    expected: str
    found: str


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """A request that is not answered as asked: `reason` is for machines, `detail` for people."""

    def __init__(
        self,
        status: int,
        reason: Reason,
        detail: str,
        faults: tuple[Fault, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.faults = faults
        self.headers = headers


def encode_problem(refusal: Refusal, request_id: str, path: str) -> bytes:
    """The refusal as a problem+json document; under /v2 it has the key `error` too, which that protocol wants."""
    document: dict[str, Any] = {
        "type": f"urn:slipway:{refusal.reason}",
        "title": REASONS[refusal.status],
        "status": refusal.status,
        "detail": refusal.detail,
        "request_id": request_id,
    }
    if path.startswith("/v2"):
        document["error"] = refusal.detail
    if refusal.faults:
        document["errors"] = refusal.faults
    return msgspec.json.encode(document)


def internal_error() -> Refusal:
    """Return the refusal for a failure of the service; its standard error has the traceback under the request id."""
    return Refusal(
        500, Reason.INTERNAL, "Internal error. The service's standard error has the reason under this request_id."
    )
