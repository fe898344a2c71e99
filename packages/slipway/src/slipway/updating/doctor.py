"""Examine a repository: what is outdated, edited, missing, deprecated or not installed."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipway.errors import SettingsError, SlipwayError
from slipway.files.documents import read_toml
from slipway.gate.rules import read_gate_rules
from slipway.git import Git
from slipway.monitoring.rules import read_rules
from slipway.project import load_project
from slipway.updating.checkout import examine_checkout
from slipway.updating.findings import Finding, State, count_paths
from slipway.updating.origin import Origin, is_vendored, read_origin
from slipway.updating.tools import find_tools
from slipway.updating.trees import list_edited
from slipway.updating.update import find_base, read_template
from slipway.updating.upstream import fetch_upstream, list_versions, parse_version

# Words of an earlier version, the files they stood in, and what replaces them.
_DEPRECATED = (
    ("src/*/dataset.py", "read_parquet_folder", "call `read_folder`, which reads parquet and CSV"),
    ("deploy/**/*.yaml", "SLIPWAY_OUTCOME", "say it in problem.py: `Problem(outcome=...)`"),
    ("compose.yaml", "SLIPWAY_OUTCOME", "say it in problem.py: `Problem(outcome=...)`"),
)


def examine_repository(root: Path, say: Callable[[str], None], *, offline: bool = False) -> list[Finding]:
    """Return what was found, in the order in which to act on it; nothing is changed."""
    findings = [
        *_examine_tools(root),
        *examine_checkout(root, offline=offline),
        *_examine_settings(root),
        *_examine_words(root),
    ]
    try:
        origin = read_origin(root)
        if offline:
            return [*findings, Finding("template", State.NOTE, "not compared", "run this without --offline")]
        say(f"  fetching {origin.address} ...")
        return [*findings, *_examine_template(root, origin)]
    except SettingsError as error:
        return [*findings, Finding("template", State.NOTE, str(error))]


def _examine_tools(root: Path) -> Iterator[Finding]:
    for tool in find_tools(root):
        state = State.OK if tool.fits else State.TODO if tool.needed else State.NOTE
        yield Finding(tool.name, state, tool.found, "" if tool.fits else tool.advice)


def _examine_settings(root: Path) -> Iterator[Finding]:
    """Read every file of settings as its command does: an unknown or missing key is an error that names it."""
    readers: dict[str, Callable[[Path], Any]] = {
        "pyproject.toml, params.yaml": load_project,
        "gate.yaml": read_gate_rules,
        "monitor.yaml": read_rules,
    }
    for name, read in readers.items():
        try:
            read(root)
        except SlipwayError as error:
            yield Finding(name, State.TODO, str(error))
        except Exception as error:  # noqa: BLE001 - the problem is code, which may fail in any way
            yield Finding(name, State.TODO, f"{type(error).__name__}: {error}", "make test shows where")
        else:
            yield Finding(name, State.OK, "every key is known")


def _examine_words(root: Path) -> Iterator[Finding]:
    for pattern, word, instead in _DEPRECATED:
        for path in sorted(root.glob(pattern)):
            if word in path.read_text(errors="replace"):
                yield Finding(str(path.relative_to(root)), State.TODO, f"{word} is deprecated", instead)


def _examine_template(root: Path, origin: Origin) -> Iterator[Finding]:
    newest = list_versions(root, origin)[-1:]
    with fetch_upstream(root, origin) as upstream:
        before = find_base(root, upstream, origin.commit)
        behind = [each.tag for each in newest if (parse_version(before) or (0, 0, 0)) < each]
        press = "uv run slipway update --dry-run"
        if behind:
            yield Finding("template", State.TODO, f"{before}; the newest is {behind[0]}", press)
        else:
            yield Finding("template", State.OK, f"{before} is the newest")
        base = read_template(root, upstream, origin, before)
        edited, rewritten, deleted = list_edited(Git(root, SettingsError), base)
    for name, paths in (("edited", edited), ("rewritten", rewritten), ("missing", deleted)):
        if paths:
            yield Finding(f"{name} files", State.NOTE, count_paths(paths))
    yield _examine_machinery(root)


def _examine_machinery(root: Path) -> Finding:
    """Compare the installed machinery with the one that the repository asks for."""
    installed = version("slipway")
    where = "packages/slipway/pyproject.toml" if is_vendored(root) else "pyproject.toml"
    document = read_toml(root / where, SettingsError, "Fix it.")
    if is_vendored(root):
        asked = str(document["project"]["version"])
    else:
        source = document.get("tool", {}).get("uv", {}).get("sources", {}).get("slipway", {})
        asked = str(source.get("tag", "no tag")).removeprefix("slipway-v")
    if asked == installed:
        return Finding("machinery", State.OK, f"slipway {installed}")
    return Finding("machinery", State.TODO, f"slipway {installed} is installed, {where} asks for {asked}", "make setup")
