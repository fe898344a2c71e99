"""Collect the report of a pull request: values that it changes, the gate's file, and the results of the jobs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import DataError, GitHubError
from slipway.evaluation.result import Evaluation, decode_evaluation
from slipway.figures import format_figure
from slipway.files.documents import parse_yaml
from slipway.gate.result import MAX_LIST, MAX_NAME, MAX_TEXT, GateResult
from slipway.git import Git
from slipway.github.jobs.context import Need, parse_needs
from slipway.github.pr_report.schema import Change, Report, shorten

# Fields of gate.json that hold sentences; the others hold names.
_SENTENCES = frozenset({"sentence", "observed", "limit", "why", "advice", "excepted", "moved"})
_Reader = Callable[[bytes], Mapping[str, str]]


def collect_report(
    root: Path, base: str, *, head: str | None = None, gate: Path | None = None, needs: str = ""
) -> Report:
    """Return the report on what is checked out in `root`, compared with its merge base with `base`.

    `head` is the commit that the report is about, where a merge of it is checked out, as in CI; `gate` the gate's file,
    if it judged; `needs` GitHub's `toJSON(needs)`. What else is missing is noted, because a report is most needed
    when something has failed. Raises `GitHubError` for a commit or `needs` that cannot be read.
    """
    commits = _BaseAndHead(root, base)
    jobs = parse_needs(needs) if needs.strip() else {}
    found, notes = _read_gate(gate)
    rules, params = commits.differ("gate.yaml", _read_leaves), commits.differ("params.yaml", _read_leaves)
    moved = commits.differ("metrics.json", _read_metrics)
    rows = commits.differ("data.dvc", _read_data) + commits.differ("metrics.json", _read_holdout)
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


class _BaseAndHead:
    """The commit that is checked out in `root`, and its merge base with `base`; `notes` names unreadable files.

    Raises `GitHubError` for a commit that cannot be read.
    """

    def __init__(self, root: Path, base: str) -> None:
        self._git = Git(root, GitHubError)
        self.notes: list[str] = []
        self.head = self._commit("HEAD")
        newest = self._commit(base)
        # Changes of the base branch since then are not part of the pull request.
        parted = self._git.attempt("merge-base", newest, self.head)
        self.base = newest if parted.exit_code else parted.text

    def differ(self, path: str, read: _Reader) -> tuple[Change, ...]:
        """Return the values of the file that differ, by `read`: in the order of head, then the removed ones."""
        before, after = (self._read(commit, path, read) for commit in (self.base, self.head))
        if before is None or after is None:
            return ()
        names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
        if len(names) > MAX_LIST:
            self.notes.append(f"{path}: {len(names) - MAX_LIST:,} more values differ than are listed.")
        return tuple(
            Change(name=shorten(name, MAX_NAME), base=_shortened(before.get(name)), head=_shortened(after.get(name)))
            for name in names[:MAX_LIST]
        )

    def _read(self, commit: str, path: str, read: _Reader) -> Mapping[str, str] | None:
        done = self._git.attempt("cat-file", "blob", f"{commit}:./{path}")
        if done.exit_code:
            return {}
        try:
            return read(done.output)
        except DataError as error:
            self.notes.append(shorten(f"{path} of {commit} cannot be read and was not compared: {error}", MAX_TEXT))
            return None

    def _commit(self, name: str) -> str:
        done = self._git.attempt("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if done.exit_code:
            raise GitHubError(
                f"The commit {name!r} cannot be read: {done.reason} Expected one that is here; a shallow clone lacks "
                "most: fetch it first (in a workflow: fetch-depth: 0 of the checkout)."
            )
        return done.text


def _read_leaves(content: bytes) -> dict[str, str]:
    """Return every value of a YAML file by its dotted name, `model.kind`; a list is one value. Raises `DataError`."""
    return dict(_leaves(_yaml(content), ""))


def _read_data(content: bytes) -> dict[str, str]:
    """Return hash, size and number of files from a .dvc file. Raises `DataError`."""
    found: dict[str, str] = {}
    try:
        outs = _yaml(content)["outs"]
        for out in outs:
            name = "" if len(outs) == 1 else f"{out['path']}: "
            found |= {f"{name}hash": str(out.get("md5", "")), f"{name}size": f"{int(out.get('size', 0)):,} bytes"}
            if "nfiles" in out:
                found[f"{name}files"] = f"{int(out['nfiles']):,}"
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"malformed .dvc file ({error!r}).") from error
    return found


def _read_holdout(content: bytes) -> dict[str, str]:
    """Return the size of the holdout from metrics.json. Raises `DataError`."""
    found = decode_evaluation(content)
    return {"rows held out": f"{found.rows:,}", "groups held out": f"{found.groups:,}"}


def _read_metrics(content: bytes) -> dict[str, str]:
    """Return the figures of metrics.json with their intervals, the primary one first. Raises `DataError`."""
    found: Evaluation = decode_evaluation(content)
    ordered = sorted(found.metrics, key=lambda each: each.name != found.primary)
    return {each.name: format_figure(each, ".4g") for each in ordered}


def _shortened(text: str | None) -> str | None:
    return None if text is None else shorten(text, MAX_TEXT)


def _yaml(content: bytes) -> Any:
    return parse_yaml(content, Any, "the file", DataError, "Fix its syntax.")


def _leaves(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, f"{name}.{key}" if name else str(key))]
    plain = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return [(name, plain)] if name else []
