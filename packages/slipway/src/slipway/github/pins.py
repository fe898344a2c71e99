"""Every action that `.github` uses, held against `.github/actions.json`: its name, version and commit.

A tag can be moved to other code, a commit cannot. The lock file makes a new action, or a new version of one, a change
that its owners see, wherever the workflow stands that uses it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import yaml

from slipway.errors import GitHubError
from slipway.files import write_json

LOCK = ".github/actions.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_VERSION = re.compile(r"#\s*(v\d+\.\d+\.\d+)\s*$")


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lock file knows of an action: the released version and the commit behind it."""

    version: str
    commit: str


class Use(msgspec.Struct, frozen=True):
    """One `uses:`: in which file and line, what it says, and the version in the comment behind it."""

    file: str
    line: int
    text: str
    version: str | None

    @property
    def local(self) -> bool:
        """Whether it is an action or a workflow of this repository."""
        return self.text.startswith("./")

    @property
    def action(self) -> str:
        """The repository of the action, without the path inside it and without the commit."""
        return "/".join(self.text.partition("@")[0].split("/")[:2])

    @property
    def commit(self) -> str:
        """What stands behind the @."""
        return self.text.partition("@")[2]

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


def read_uses(root: Path) -> list[Use]:
    """All of them, in the order of files and lines."""
    files = sorted(path for path in (root / ".github").rglob("*") if path.suffix in (".yml", ".yaml"))
    return [use for path in files for use in uses_in(path.relative_to(root).as_posix(), path.read_text())]


def uses_in(file: str, text: str) -> list[Use]:
    """Those of one file; found in what the YAML means, so that no way of writing it escapes."""
    try:
        nodes = list(_values_of_uses(yaml.compose(text, yaml.SafeLoader)))
    except yaml.YAMLError as error:
        raise GitHubError(f"{file} is not valid YAML: {error}.") from error
    lines = text.splitlines()
    found = set()
    for node in nodes:
        # A block scalar ends on the line after it, where no comment is its own.
        comment = _VERSION.search("".join(lines[node.end_mark.line : node.end_mark.line + 1])[node.end_mark.column :])
        value = node.value if isinstance(node.value, str) else "?"
        found.add((node.start_mark.line + 1, value, comment[1] if comment else None))
    return [Use(file, *each) for each in sorted(found, key=lambda each: each[0])]


def _values_of_uses(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _values_of_uses(item)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "uses":
                yield value
            yield from _values_of_uses(value)


def read_lock(root: Path) -> dict[str, Pin]:
    """The lock file; raises `GitHubError`."""
    path = root / LOCK
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Pin])
    except FileNotFoundError as error:
        raise GitHubError(f"No {LOCK} in {root.resolve()}: run this from the root of the repository.") from error
    except msgspec.MsgspecError as error:
        raise GitHubError(
            f'{LOCK}: {error}. Expected {{"owner/name": {{"version": "v1.2.3", "commit": "40 digits"}}}}.'
        ) from error


def violations(uses: Sequence[Use], lock: dict[str, Pin], root: Path) -> list[str]:
    """A sentence for each `uses:` that is not as it must be."""
    return [f"{use.place}: {text}" for use in uses for text in _trouble(use, lock, root)]


def _trouble(use: Use, lock: dict[str, Pin], root: Path) -> Iterator[str]:
    if use.local:
        if not _exists(root / use.text):
            yield f"{use.text} is not there"
        return
    if not _COMMIT.fullmatch(use.commit):
        yield f"{use.text} is not pinned: expected owner/name@ and the 40 digits of a commit, # vX.Y.Z behind it"
        return
    if use.version is None:
        yield f"{use.text} says no version: expected # vX.Y.Z at the end of the line"
    pin = lock.get(use.action)
    if pin is None:
        yield f"{use.action} is not in {LOCK}"
    elif pin.commit != use.commit or use.version not in (None, pin.version):
        yield (
            f"{use.action} is {use.version or 'some version'} at {use.commit[:12]}, "
            f"but {LOCK} says {pin.version} at {pin.commit[:12]}"
        )


def _exists(path: Path) -> bool:
    return path.is_file() or any((path / name).is_file() for name in ("action.yml", "action.yaml"))


def relock(root: Path) -> dict[str, Pin]:
    """Write the lock file anew from what the workflows say; raises `GitHubError` where they contradict each other."""
    uses = [use for use in read_uses(root) if not use.local]
    lock = {use.action: Pin(use.version or "", use.commit) for use in reversed(uses)}
    wrong = violations(uses, lock, root)
    if wrong:
        raise GitHubError("\n".join([f"{LOCK} was not written:", *wrong]))
    write_json(root / LOCK, lock)
    return lock
