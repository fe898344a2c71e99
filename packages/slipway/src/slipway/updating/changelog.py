"""Read CHANGELOG.md: its versions, and for each breaking entry its upgrade note."""

import re
from typing import NamedTuple

from slipway.updating.upstream import Version, parse_version

_HEAD = re.compile(r"^## (\S+) - (.*)$", re.MULTILINE)
_ENTRY = re.compile(r"^\* (.*(?:\n  .*)*)", re.MULTILINE)
_BREAKING = "**Breaking:**"
_NOTES = "### Upgrade notes\n"


class Section(NamedTuple):
    """A version of the changelog: its date, its changes, and what to do for an upgrade to it."""

    name: str
    date: str
    changes: list[str]
    notes: list[str]


def read_sections(text: str) -> list[Section]:
    """Return each version, newest first."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    sections = []
    for head, end in zip(heads, ends, strict=False):
        changes, _, notes = text[head.end() : end].partition(_NOTES)
        sections.append(Section(head[1], head[2], _ENTRY.findall(changes), _ENTRY.findall(notes.partition("\n##")[0])))
    return sections


def list_upgrade_notes(text: str, before: Version | None, after: Version) -> list[str]:
    """Return the upgrade notes of the versions after `before` up to `after`, oldest first."""
    return [
        f"{section.name}: {' '.join(note.split())}"
        for section in reversed(read_sections(text))
        if (version := parse_version(section.name)) and (before is None or version > before) and version <= after
        for note in section.notes
    ]


def find_missing_notes(text: str) -> list[str]:
    """Return a sentence for each breaking entry without an upgrade note that begins with the same word in backticks."""
    missing = []
    for section in read_sections(text):
        noted = {_subject(note) for note in section.notes}
        for entry in section.changes:
            if entry.startswith(_BREAKING) and (_subject(entry) is None or _subject(entry) not in noted):
                missing.append(
                    f"{section.name}: `{_subject(entry)}` is marked as breaking and has no upgrade note: expected an "
                    "entry under `### Upgrade notes` that begins with the same word in backticks and says what to type."
                )
    return missing


def _subject(entry: str) -> str | None:
    """Return the first word in backticks."""
    found = re.search(r"`([^`]+)`", entry)
    return found[1] if found else None
