"""Gather the report of a pull request from its checkout: git's objects, the gate's file, the results of the jobs."""

from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import GitHubError
from slipway.gate.result import LIST, NAME, TEXT, Gate
from slipway.github.report import Commit, Report, Result
from slipway.github.sides import Sides, data, held_out, leaves, metrics, shorten

# Fields of gate.json that hold sentences; the others hold names.
_SENTENCES = frozenset({"sentence", "observed", "limit", "why", "advice", "excepted", "moved"})


class _Job(msgspec.Struct, frozen=True):
    result: Result


class _Head(msgspec.Struct, frozen=True):
    sha: Commit


class _PullRequest(msgspec.Struct, frozen=True):
    head: _Head


class _Event(msgspec.Struct, frozen=True):
    pull_request: _PullRequest | None = None


def collect(root: Path, base: str, *, head: str | None = None, gate: Path | None = None, needs: str = "") -> Report:
    """The report on what is checked out in `root`, beside the commit where it parted from `base`.

    `head` is the commit that the report is about, where a merge of it is checked out, as in CI; `gate` the gate's file,
    if it judged; `needs` GitHub's `toJSON(needs)`. What else is missing is noted, because a report is most needed
    when something has failed. Raises `GitHubError` for a commit or `needs` that cannot be read.
    """
    sides = Sides(root, base)
    found, notes = _read_gate(gate)
    rules, params = sides.differ("gate.yaml", leaves), sides.differ("params.yaml", leaves)
    moved = sides.differ("metrics.json", metrics)
    rows = sides.differ("data.dvc", data) + sides.differ("metrics.json", held_out)
    return Report(
        head=head or sides.head,
        base=sides.base,
        jobs=_jobs(needs),
        gate=found,
        rules=rules,
        data=rows,
        params=params,
        metrics=moved,
        # Two readers of one file may say the same twice.
        notes=tuple(dict.fromkeys([*notes, *sides.notes])),
    )


def head_of_event(path: Path | None) -> str | None:
    """The pull request's newest commit as its event names it; None for any other event. Raises `GitHubError`."""
    if path is None or not path.is_file():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Event).pull_request
    except msgspec.MsgspecError as error:
        raise GitHubError(f"{path} is no event of a pull request: {error}. Name the commit with --head.") from error
    return found.head.sha if found else None


def _jobs(needs: str) -> dict[str, Result]:
    if not needs.strip():
        return {}
    try:
        found = msgspec.json.decode(needs, type=dict[str, _Job])
    except msgspec.MsgspecError as error:
        raise GitHubError(
            f"NEEDS cannot be read: {error}. Expected what `${{{{ toJSON(needs) }}}}` gives in a workflow: "
            '{"tests": {"result": "success"}}.'
        ) from error
    return {shorten(name, NAME): job.result for name, job in found.items()}


def _read_gate(path: Path | None) -> tuple[Gate | None, list[str]]:
    if path is None or not path.exists():
        return None, []
    try:
        return msgspec.convert(_bounded(msgspec.json.decode(path.read_bytes())), Gate), []
    except (msgspec.MsgspecError, OSError) as error:
        return None, [shorten(f"{path.name} cannot be read, so no verdict is known: {error}", TEXT)]


def _bounded(value: Any, name: str = "") -> Any:
    """What fits into a report: long texts end in an ellipsis, long lists end."""
    match value:
        case str():
            return shorten(value, TEXT if name in _SENTENCES else NAME)
        case list():
            return [_bounded(each, name) for each in value[:LIST]]
        case dict():
            return {key: _bounded(each, key) for key, each in value.items()}
    return value
