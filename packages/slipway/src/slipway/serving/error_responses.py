"""Errors as clients see them: problem+json (RFC 9457), which never repeats what the client sent."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Self

import msgspec
from msgspec import Meta

PROBLEM_JSON = "application/problem+json"
_STATUSES = (200, 202, 204, 400, 401, 404, 405, 408, 411, 413, 415, 422, 500, 503)
# RFC 9110 renamed two, which older versions of Python do not know.
REASONS = {status: HTTPStatus(status).phrase for status in _STATUSES} | {
    413: "Content Too Large",
    422: "Unprocessable Content",
}


class Reason(StrEnum):
    """Why a request is refused: the last part of the problem's `type`, a label of the metric of rejects; and status."""

    status: int

    def __new__(cls, name: str, status: int) -> Self:
        """Make a reason that is its name and has a status."""
        reason = str.__new__(cls, name)
        reason._value_, reason.status = name, status
        return reason

    MALFORMED = "malformed-json", 400
    DUPLICATE_KEY = "duplicate-key", 400
    CONTENT_TYPE = "content-type", 415
    INCOMPLETE = "incomplete-body", 400
    SLOW_BODY = "slow-body", 408
    TOO_LARGE = "too-large", 413
    TOO_MANY_ROWS = "too-many-rows", 422
    INVALID_REQUEST = "invalid-request", 422
    INVALID_ROW = "invalid-row", 422
    NO_SCORE = "no-score", 422
    UNAUTHORIZED = "unauthorized", 401
    NOT_FOUND = "not-found", 404
    METHOD = "method-not-allowed", 405
    OVERLOADED = "overloaded", 503
    LOG = "log-unavailable", 503
    INTERNAL = "internal", 500


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault of one row."""

    row: Annotated[int, Meta(ge=0, description="Number of the row, from 0.")]
    field: Annotated[str | None, Meta(description="null for the row as a whole.")]
    expected: str
    found: Annotated[str, Meta(description="Kind of the value found, never the value.")]


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An error (RFC 9457)."""

    type: Annotated[
        str,
        Meta(
            description="Kind of problem, for programs.",
            extra_json_schema={"enum": [f"urn:slipway:{reason}" for reason in Reason]},
        ),
    ]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="What failed, for people.")]
    request_id: Annotated[str, Meta(description="As in the header X-Request-Id.")]
    errors: Annotated[tuple[Fault, ...], Meta(description="Faults of rows, the first 20 of them.")] = ()
    error: Annotated[str, Meta(description="The same as detail, under /v2.")] | msgspec.UnsetType = msgspec.UNSET


class Refusal(Exception):  # noqa: N818 - a response, not a failure
    """A request that is refused: `reason` is for programs, `detail` for people; `status` overrides the reason's."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        faults: tuple[Fault, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
        status: int = 0,
    ) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.faults, self.headers = reason, detail, faults, headers
        self.status = status or reason.status


def encode_problem(refusal: Refusal, request_id: str, path: str) -> bytes:
    """Encode the refusal as problem+json; the Open Inference Protocol, under /v2, wants the key `error` too."""
    return msgspec.json.encode(
        ProblemDetails(
            type=f"urn:slipway:{refusal.reason}",
            title=REASONS[refusal.status],
            status=refusal.status,
            detail=refusal.detail,
            request_id=request_id,
            errors=refusal.faults,
            error=refusal.detail if path.startswith("/v2") else msgspec.UNSET,
        )
    )


def invalid_request(detail: str) -> Refusal:
    """Return the refusal of a request that is well-formed and has another shape than the route takes."""
    return Refusal(Reason.INVALID_REQUEST, detail)
