"""Read what GitHub tells a job: the event that started its run, and the results of the jobs that it needs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.files.documents import parse_json, read_json

Commit = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
_ADVICE = (
    'Expected what `${{ toJSON(needs) }}` gives in a workflow, in the variable NEEDS: {"tests": {"result": "success"}}.'
)


class Result(StrEnum):
    """The result of a job, as GitHub names it."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Need(msgspec.Struct, frozen=True):
    """The result and outputs of a job that another one needs."""

    result: Result
    outputs: dict[str, str] | None = None


class _Event(msgspec.Struct, frozen=True):
    pull_request: dict[str, Any] | None = None
    repository: dict[str, Any] = {}


def read_head(path: Path | None) -> str | None:
    """Return the head commit of the event's pull request; None for any other event. Raises `GitHubError`."""
    pull = _read(path).pull_request
    return str(pull["head"]["sha"]) if pull else None


def is_from_fork(path: Path | None) -> bool:
    """Return whether the event is a pull request from another repository. Raises `GitHubError`."""
    event = _read(path)
    # The head has no repository once a fork was deleted.
    head = event.pull_request and (event.pull_request["head"]["repo"] or {"full_name": None})
    return head is not None and head["full_name"] != event.repository["full_name"]


def is_private(path: Path | None) -> bool:
    """Return whether the event says that its repository is private; a payload without a repository does not."""
    return _read(path).repository.get("private") is True


def _read(path: Path | None) -> _Event:
    """Read the file that GITHUB_EVENT_PATH names; without one the event is none of these."""
    if path is None or not path.is_file():
        return _Event()
    return read_json(path, _Event, GitHubError, "Expected the event's file, which GITHUB_EVENT_PATH names.")


def parse_needs(text: str) -> dict[str, Need]:
    """Decode GitHub's `toJSON(needs)`; raises `GitHubError`."""
    return parse_json(text, dict[str, Need], "NEEDS", GitHubError, _ADVICE)
