"""Collect the report of a pull request from its checkout, the gate's file and the results of the jobs."""

from pathlib import Path
from typing import Any

import msgspec

from slipway.gate.result import MAX_LIST, MAX_NAME, MAX_TEXT, GateResult
from slipway.github.jobs.context import Need, parse_needs
from slipway.github.pr_report.changes import BaseAndHead, read_data, read_holdout, read_leaves, read_metrics, shorten
from slipway.github.pr_report.report import Report

# Fields of gate.json that hold sentences; the others hold names.
_SENTENCES = frozenset({"sentence", "observed", "limit", "why", "advice", "excepted", "moved"})


def collect_report(
    root: Path, base: str, *, head: str | None = None, gate: Path | None = None, needs: str = ""
) -> Report:
    """Return the report on what is checked out in `root`, compared with its merge base with `base`.

    `head` is the commit that the report is about, where a merge of it is checked out, as in CI; `gate` the gate's file,
    if it judged; `needs` GitHub's `toJSON(needs)`. What else is missing is noted, because a report is most needed
    when something has failed. Raises `GitHubError` for a commit or `needs` that cannot be read.
    """
    commits = BaseAndHead(root, base)
    jobs = parse_needs(needs) if needs.strip() else {}
    found, notes = _read_gate(gate)
    rules, params = commits.differ("gate.yaml", read_leaves), commits.differ("params.yaml", read_leaves)
    moved = commits.differ("metrics.json", read_metrics)
    rows = commits.differ("data.dvc", read_data) + commits.differ("metrics.json", read_holdout)
    return Report(
        head=head or commits.head,
        base=commits.base,
        jobs={shorten(name, MAX_NAME): job.result for name, job in jobs.items()},
        gate=found,
        rules=rules,
        data=rows,
        params=params,
        metrics=moved,
        # Two readers of one file may give the same note.
        notes=tuple(dict.fromkeys([*_troubles(jobs), *notes, *commits.notes])),
    )


def _troubles(jobs: dict[str, Need]) -> list[str]:
    """Return the reasons that failed jobs give in their output `trouble`."""
    said = [(job.outputs or {}).get("trouble") for job in jobs.values()]
    return [shorten(text, MAX_TEXT) for text in said if text]


def _read_gate(path: Path | None) -> tuple[GateResult | None, list[str]]:
    if path is None or not path.exists():
        return None, []
    try:
        return msgspec.convert(_bounded(msgspec.json.decode(path.read_bytes())), GateResult), []
    except (msgspec.MsgspecError, OSError) as error:
        return None, [shorten(f"{path.name} cannot be read, so no verdict is known: {error}", MAX_TEXT)]


def _bounded(value: Any, name: str = "") -> Any:
    """Return the value cut to the limits of a report: texts with an ellipsis, lists at their maximum."""
    match value:
        case str():
            return shorten(value, MAX_TEXT if name in _SENTENCES else MAX_NAME)
        case list():
            return [_bounded(each, name) for each in value[:MAX_LIST]]
        case dict():
            return {key: _bounded(each, key) for key, each in value.items()}
    return value
