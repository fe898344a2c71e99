"""A step of the plan for the repository at GitHub: a ruleset or environment, its differences, its result."""

from enum import StrEnum
from typing import Any

import msgspec

from slipway.errors import GitHubError


class Action(StrEnum):
    """A change that a step will make, or has made."""

    CREATE = "create"
    CHANGE = "change"
    LEAVE = "leave"
    CREATED = "created"
    CHANGED = "changed"
    REFUSED = "refused"


DONE = {Action.CREATE: Action.CREATED, Action.CHANGE: Action.CHANGED}
# GitHub's messages where the plan of the account lacks a feature.
_PLAN_WORDS = ("upgrade", "billing plan", "your plan", "make this repository public")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A ruleset or an environment; `details` lists the differences, `notes` what a person should know."""

    kind: str
    name: str
    action: Action
    details: list[str] = []
    notes: list[str] = []


def lacks_plan(error: GitHubError) -> bool:
    """Return whether GitHub refuses because of the plan, and not because of the token or the request."""
    said = error.said.lower()
    return error.status in (403, 404, 422) and any(words in said for words in _PLAN_WORDS)


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
