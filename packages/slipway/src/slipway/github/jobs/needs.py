"""The jobs that a job of a workflow needs, with their results and outputs: GitHub's `toJSON(needs)`."""

from enum import StrEnum

import msgspec


class Result(StrEnum):
    """The result of a job, as GitHub names it."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Need(msgspec.Struct, frozen=True):
    """The result and outputs of one of these jobs."""

    result: Result
    outputs: dict[str, str] | None = None
