"""What CI found about a pull request: the content of `report.json`.

CI writes it with the code of the pull request, so whoever reads it reads a stranger's file: nothing in it may be
larger than an honest report, and what it says is text, never a command, a path or an address.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.gate.result import MAX_LIST, MAX_NAME, MAX_TEXT, GateResult

FILE = "report.json"
# Bytes. A gate with every check failed and 500 slices has a fifth of it.
LARGEST = 1_000_000

Name = Annotated[str, Meta(max_length=MAX_NAME)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Commit = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]


class Result(StrEnum):
    """How a job ended, in GitHub's words."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One value in the base commit and in the pull request; None where it is not there."""

    name: Name
    base: Text | None = None
    head: Text | None = None


Changes = Annotated[tuple[Change, ...], Meta(max_length=MAX_LIST)]


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole report.

    `head` is the newest commit of the pull request, `base` the one that it began from; `jobs` how each job ended;
    `gate` is None where the gate did not judge. `rules`, `data`, `params` and `metrics` are what differs in gate.yaml,
    data.dvc, params.yaml and metrics.json; `notes` what could not be read.
    """

    format: Literal[1] = 1
    head: Commit
    base: Commit
    jobs: Annotated[dict[Name, Result], Meta(max_length=100)] = {}
    gate: GateResult | None = None
    rules: Changes = ()
    data: Changes = ()
    params: Changes = ()
    metrics: Changes = ()
    notes: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()

    @property
    def failed(self) -> list[str]:
        """The jobs that did not do their work: failed or cancelled."""
        return [name for name, result in self.jobs.items() if result in (Result.FAILURE, Result.CANCELLED)]


def decode_report(content: bytes) -> Report:
    """Read a report from a stranger's bytes; raises `GitHubError` for whatever CI would not have written."""
    if len(content) > LARGEST:
        raise GitHubError(f"The report is refused: {len(content):,} bytes, expected at most {LARGEST:,}.")
    try:
        return msgspec.json.decode(content.decode("utf-8"), type=Report)
    except UnicodeDecodeError as error:
        raise GitHubError(f"The report is refused: it is not UTF-8 (byte {error.start}).") from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise GitHubError(f"The report is refused: it is not what `slipway ci report` writes: {error}.") from error
