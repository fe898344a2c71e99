"""A finding of `slipway doctor`."""

from enum import StrEnum

import msgspec

_SHOWN = 8


class State(StrEnum):
    """State of a finding: fine, worth knowing, or to be acted on."""

    OK = "ok"
    NOTE = "note"
    TODO = "to do"


class Finding(msgspec.Struct, frozen=True):
    """A finding: its subject, its state, what was found, and what to type."""

    subject: str
    state: State
    found: str
    advice: str = ""


def count_paths(paths: list[str]) -> str:
    """Return the number of paths, and the first of them."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{len(paths)}: {', '.join(paths[:_SHOWN])}{more}"
