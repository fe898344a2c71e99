"""The content of `report.json`, the results of CI for a pull request, and the artifact of CI's run that holds it.

The code of the pull request writes it, so it is untrusted: every part has a maximum size, and is read as text, never as
a command, a path or an address.
"""

import os
import stat
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from slipway.errors import GitHubError
from slipway.gate.result import MAX_LIST, MAX_NAME, MAX_TEXT, GateResult
from slipway.github.jobs.context import Commit, Result

FILE = "report.json"
# Bytes; a report with every check failed and 500 slices has a fifth of it.
LARGEST = 1_000_000

Name = Annotated[str, Meta(max_length=MAX_NAME)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One value in the base commit and in the pull request; None where it is missing."""

    name: Name
    base: Text | None = None
    head: Text | None = None


Changes = Annotated[tuple[Change, ...], Meta(max_length=MAX_LIST)]


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole report.

    `head` is the newest commit of the pull request, `base` its merge base; `jobs` are the results of the jobs; `gate`
    is None where the gate did not run. `rules`, `data`, `params` and `metrics` are what differs in gate.yaml,
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
        """The jobs that failed or were cancelled."""
        return [name for name, result in self.jobs.items() if result in (Result.FAILURE, Result.CANCELLED)]


def decode_report(content: bytes) -> Report:
    """Decode a report from untrusted bytes; raises `GitHubError` for anything that CI does not write."""
    if len(content) > LARGEST:
        raise GitHubError(f"The report is refused: {len(content):,} bytes, expected at most {LARGEST:,}.")
    try:
        return msgspec.json.decode(content.decode("utf-8"), type=Report)
    except UnicodeDecodeError as error:
        raise GitHubError(f"The report is refused: invalid UTF-8 at byte {error.start}.") from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise GitHubError(f"The report is refused: it is not what `slipway ci report` writes: {error}.") from error


def read_artifact(folder: Path) -> Report | None:
    """Return the report in `folder`, which must contain only `report.json`; None for an empty or missing folder.

    Raises `GitHubError`.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise GitHubError(f"The artifact is refused: expected the folder {folder} with {FILE} in it.")
    names = sorted(found.name for found in folder.iterdir()) if folder.exists() else []
    if not names:
        return None
    if names != [FILE]:
        found = ", ".join(repr(name) for name in names[:5])
        raise GitHubError(f"The artifact is refused: expected {FILE} alone, found {found} in {folder}.")
    return decode_report(_read(folder / FILE))


def _read(path: Path) -> bytes:
    # Verified before it is opened, because opening a pipe blocks; NOFOLLOW holds if it is replaced meanwhile.
    kind = path.lstat()
    if not stat.S_ISREG(kind.st_mode):
        raise GitHubError(f"The artifact is refused: {path.name} is not a regular file.")
    if kind.st_size > LARGEST:
        raise GitHubError(f"The report is refused: {kind.st_size:,} bytes, expected at most {LARGEST:,}.")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(LARGEST + 1)


def shorten(text: str, most: int) -> str:
    """Return `text` with at most `most` characters, cut with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
