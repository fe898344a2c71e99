"""A setting of the repository at GitHub: compared with what its file wants, then created, changed or left."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from slipway.errors import GitHubError
from slipway.github.client.api import lacks_plan


class Action(StrEnum):
    """A change that a step will make, or has made."""

    CREATE = "create"
    CHANGE = "change"
    LEAVE = "leave"
    CREATED = "created"
    CHANGED = "changed"
    REFUSED = "refused"


_DONE = {Action.CREATE: Action.CREATED, Action.CHANGE: Action.CHANGED}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A ruleset or an environment; `details` lists the differences, `notes` what a person should know."""

    kind: str
    name: str
    action: Action
    details: list[str] = []
    notes: list[str] = []


class Setting(NamedTuple):
    """A ruleset or an environment that a file describes.

    `compare` returns the differences at GitHub, None where it does not exist; `send` creates or changes it and returns
    further notes, None where GitHub's plan lacks such settings, which `lacking` explains.
    """

    kind: str
    name: str
    summary: str
    lacking: str
    compare: Callable[[], list[str] | None]
    send: Callable[[], list[str] | None]
    notes: tuple[str, ...] = ()


def plan_setting(setting: Setting) -> Step:
    """Return the step that the setting needs; raises `GitHubError`."""
    try:
        details, notes = setting.compare(), list(setting.notes)
    except GitHubError as error:
        if not lacks_plan(error):
            raise
        return Step(kind=setting.kind, name=setting.name, action=Action.REFUSED, notes=[setting.lacking])
    action = Action.CREATE if details is None else Action.CHANGE if details else Action.LEAVE
    details = [setting.summary] if details is None else details
    return Step(kind=setting.kind, name=setting.name, action=action, details=details, notes=notes)


def apply_setting(setting: Setting, step: Step) -> Step:
    """Apply the setting's step; return it with its result. Raises `GitHubError`."""
    if step.action not in _DONE:
        return step
    try:
        notes = setting.send()
    except GitHubError as error:
        if not lacks_plan(error):
            raise
        notes = None
    if notes is None:
        return msgspec.structs.replace(step, action=Action.REFUSED, notes=[setting.lacking])
    return msgspec.structs.replace(step, action=_DONE[step.action], notes=[*step.notes, *notes])


def list_differences(wanted: Any, found: Any, at: str = "") -> list[str]:
    """Return a line for each difference of `found` from `wanted`; names that `wanted` lacks are ignored."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line
            for name, value in wanted.items()
            for line in list_differences(value, found.get(name), f"{at}.{name}" if at else name)
        ]
    if isinstance(wanted, list) and isinstance(found or [], list):
        return _items(wanted, found or [], at)
    if wanted == found or (not wanted and not found):
        return []
    return [f"{at}: {_text(wanted)} instead of {_text(found)}"]


def _items(wanted: list[Any], found: list[Any], at: str) -> list[str]:
    """Compare lists as sets: rules by their type, checks by their context, others by their value."""
    ours, theirs = ({_key(item): item for item in items} for items in (wanted, found))
    lines = [f"{at}: with {key}" for key in ours if key not in theirs]
    lines += [f"{at}: without {key}" for key in theirs if key not in ours]
    for key in ours.keys() & theirs.keys():
        lines += list_differences(ours[key], theirs[key], f"{at}.{key}")
    return sorted(lines)


def _key(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return next((str(item[name]) for name in ("type", "context", "actor_id", "name") if name in item), _text(item))


def _text(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value, order="sorted").decode()
