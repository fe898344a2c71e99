"""Propose what an imported estimator changes in the repository: `model.py`, and the section `model` of params.yaml."""

import difflib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from slipway.errors import SettingsError
from slipway.files.writing import write_bytes
from slipway.importing.source_code import ModelSource

_PARAMS = Path("params.yaml")
# The section with everything that is indented below it, and the empty lines between.
_SECTION = re.compile(r"^model:.*\n(?:(?:[ \t]*\n)*[ \t]+\S.*\n)*", re.MULTILINE)
_SEARCHED = re.compile(r"^[ \t]+model\.(\w+)[\w.]*:", re.MULTILINE)


class Change(msgspec.Struct, frozen=True):
    """A file, its text now (None where there is no file) and the text proposed."""

    path: str
    before: str | None
    after: str

    @property
    def diff(self) -> str:
        """Return the difference as a patch; "" where there is none."""
        before = (self.before or "").splitlines(keepends=True)
        names = (f"a/{self.path}", f"b/{self.path}")
        return "".join(difflib.unified_diff(before, self.after.splitlines(keepends=True), *names))


def propose_changes(root: Path, package: str, source: ModelSource) -> tuple[Change, ...]:
    """Return the changes of `model.py` in the problem's package and of params.yaml, those that change nothing too."""
    model = Path("src") / package / "model.py"
    return (
        Change(str(model), _read(root / model), format_source(root, model, source.text)),
        Change(str(_PARAMS), _read(root / _PARAMS), _replace_section(_read(root / _PARAMS) or "", source.params)),
    )


def explain_search(root: Path, source: ModelSource) -> list[str]:
    """Name what `slipway search` would look for in vain: parameters in params.yaml that `model` will no longer have."""
    searched = _SEARCHED.finditer(_read(root / _PARAMS) or "")
    lost = [each[0].strip().rstrip(":") for each in searched if each[1] not in source.params]
    advice = "are not parameters of this estimator: write those to search, or delete them."
    return [f"{_PARAMS}, search.space: {', '.join(lost)} {advice}"] if lost else []


def write_changes(root: Path, changes: tuple[Change, ...]) -> None:
    """Write what was proposed."""
    for each in changes:
        write_bytes(root / each.path, each.after.encode())


def format_source(root: Path, path: Path, text: str) -> str:
    """Format Python code as `make format` does for a file of this path; as it is where there is no ruff."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", str(path), "-"]
    done = subprocess.run(command, cwd=root, input=text, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 and done.stdout else text


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _replace_section(text: str, values: Mapping[str, bool | int | float | str]) -> str:
    """Write the values as the section `model`; comments and every other section stay."""
    lines = [f"  {name}: {_write_scalar(value)}\n" for name, value in values.items()]
    section = "".join(["model:\n", *lines]) if lines else "model: {}\n"
    replaced, count = _SECTION.subn(lambda _: section, text)
    if count != 1:
        raise SettingsError(f"{_PARAMS}: expected one section `model:`, found {count}. Bring it back from git.")
    return replaced


def _write_scalar(value: bool | int | float | str) -> str:
    """Write a value as YAML, of which JSON is a part, for numbers but those with an exponent and no point."""
    written = json.dumps(value, ensure_ascii=False)
    return re.sub(r"^(-?\d+)e", r"\1.0e", written) if isinstance(value, float) else written
