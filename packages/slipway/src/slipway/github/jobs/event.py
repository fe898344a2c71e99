"""Read the event that started a job: the file that GITHUB_EVENT_PATH names."""

from pathlib import Path

import msgspec

from slipway.errors import GitHubError
from slipway.files.documents import read_json
from slipway.github.pr_report.report import Commit


class _Repository(msgspec.Struct, frozen=True):
    full_name: str


class _Head(msgspec.Struct, frozen=True):
    sha: Commit
    # None once a fork was deleted.
    repo: _Repository | None = None


class _PullRequest(msgspec.Struct, frozen=True):
    head: _Head


class _Event(msgspec.Struct, frozen=True):
    pull_request: _PullRequest | None = None
    repository: _Repository | None = None


def read_head(path: Path | None) -> str | None:
    """Return the head commit of the pull request; None for any other event. Raises `GitHubError`."""
    found = _read(path).pull_request
    return found.head.sha if found else None


def is_from_fork(path: Path | None) -> bool:
    """Return whether the event is a pull request from another repository. Raises `GitHubError`."""
    event = _read(path)
    return event.pull_request is not None and event.pull_request.head.repo != event.repository


def _read(path: Path | None) -> _Event:
    if path is None or not path.is_file():
        return _Event()
    return read_json(path, _Event, GitHubError, "Expected the event's file, which GITHUB_EVENT_PATH names.")
