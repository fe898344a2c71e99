"""List the values that a pull request changes in the files that people read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import DataError, GitHubError
from slipway.evaluation.result import Evaluation, decode_evaluation
from slipway.figures import format_figure
from slipway.gate.result import MAX_LIST, MAX_NAME, MAX_TEXT
from slipway.git import Git
from slipway.github.pr_report.report import Change

Reader = Callable[[bytes], Mapping[str, str]]


class BaseAndHead:
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

    def differ(self, path: str, read: Reader) -> tuple[Change, ...]:
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

    def _read(self, commit: str, path: str, read: Reader) -> Mapping[str, str] | None:
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


def read_leaves(content: bytes) -> dict[str, str]:
    """Return every value of a YAML file by its dotted name, `model.kind`; a list is one value. Raises `DataError`."""
    return dict(_leaves(_yaml(content), ""))


def read_data(content: bytes) -> dict[str, str]:
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


def read_holdout(content: bytes) -> dict[str, str]:
    """Return the size of the holdout from metrics.json. Raises `DataError`."""
    found = decode_evaluation(content)
    return {"rows held out": f"{found.rows:,}", "groups held out": f"{found.groups:,}"}


def read_metrics(content: bytes) -> dict[str, str]:
    """Return the figures of metrics.json with their intervals, the primary one first. Raises `DataError`."""
    found: Evaluation = decode_evaluation(content)
    ordered = sorted(found.metrics, key=lambda each: each.name != found.primary)
    return {each.name: format_figure(each, ".4g") for each in ordered}


def shorten(text: str, most: int) -> str:
    """Return `text` with at most `most` characters, cut with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _shortened(text: str | None) -> str | None:
    return None if text is None else shorten(text, MAX_TEXT)


def _yaml(content: bytes) -> Any:
    import yaml

    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"malformed YAML: {error}.") from error


def _leaves(value: Any, name: str) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, f"{name}.{key}" if name else str(key))]
    plain = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return [(name, plain)] if name else []
