"""Workflows as data, with what YAML forgets: comments, and the line on which something stands."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Path_ = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML as GitHub reads it: `on` is a word, only true and false are not."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if first not in "oOyYnN" or tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Workflow(NamedTuple):
    """One file below `root`: its name, its text, what it says, and the line of each part (from 0)."""

    root: Path
    name: str
    text: str
    data: dict[str, Any]
    lines: dict[Path_, int]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        return self.data.get("jobs") or {}

    @property
    def events(self) -> dict[str, Any]:
        """The triggers, each with its filters."""
        found = self.data.get("on") or {}
        if isinstance(found, str):
            return {found: {}}
        return {event: {} for event in found} if isinstance(found, list) else {k: v or {} for k, v in found.items()}

    @property
    def steps(self) -> Iterator[tuple[str, Path_, dict[str, Any]]]:
        """Every step: where it is in words, its path, and itself; of a composite action too."""
        for job, spec in self.jobs.items():
            for number, step in enumerate(spec.get("steps") or []):
                yield f"{self.name}: {job}: step {number + 1}", ("jobs", job, "steps", number), step
        for number, step in enumerate((self.data.get("runs") or {}).get("steps") or []):
            yield f"{self.name}: step {number + 1}", ("runs", "steps", number), step

    def comment(self, path: Path_) -> str:
        """The comment behind this part, or on the line before it; empty if there is none."""
        rows = self.text.splitlines()
        number = self.lines[path]
        behind = rows[number].partition(" #")[2].strip()
        before = rows[number - 1].strip() if number else ""
        return behind or (before.lstrip("# ") if before.startswith("#") else "")


def read(root: Path) -> list[Workflow]:
    """The workflows and composite actions of the repository `root`."""
    github = root / ".github"
    files = [*sorted((github / "workflows").glob("*.y*ml")), *sorted((github / "actions").rglob("action.y*ml"))]
    return [parse(root, _name(path), path.read_text()) for path in files]


# Each mutant changes one file: the others are parsed once.
@cache
def parse(root: Path, name: str, text: str) -> Workflow:
    node = yaml.compose(text, _Loader)
    return Workflow(root, name, text, yaml.load(text, _Loader), dict(_walk(node, ())))


def _name(path: Path) -> str:
    """ci.yml for a workflow, NAME/action.yml for an action."""
    return path.name if path.parent.name == "workflows" else f"{path.parent.name}/{path.name}"


def _walk(node: yaml.Node, path: Path_) -> Iterator[tuple[Path_, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line
            yield from _walk(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, number), item.start_mark.line
            yield from _walk(item, (*path, number))


def texts(value: Any) -> Iterator[str]:
    """Every string inside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def called(job: dict[str, Any]) -> str | None:
    """The name of the workflow of this repository that the job calls."""
    uses = job.get("uses", "")
    return uses.rpartition("/")[2] if uses.startswith("./.github/workflows/") else None


def environment_of(job: dict[str, Any]) -> str:
    """The name of the job's environment in one line; empty if it has none."""
    found = job.get("environment", "")
    return " ".join(str(found["name"] if isinstance(found, dict) else found).split())


def is_deployment(job: dict[str, Any]) -> bool:
    """Return True if GitHub lists the job as a deployment to its environment."""
    found = job.get("environment")
    return found is not None and not (isinstance(found, dict) and found.get("deployment") is False)


def needs(job: dict[str, Any]) -> list[str]:
    found = job.get("needs") or []
    return [found] if isinstance(found, str) else list(found)


def upstream(workflow: Workflow, job: str) -> set[str]:
    """Every job that must have ended before this one."""
    found: set[str] = set()
    waiting = needs(workflow.jobs[job])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs(workflow.jobs.get(name, {}))
    return found
