"""Markdown for GitHub, in which text that comes from a pull request stays text.

Parts may be shortened, because a comment has an end: GitHub takes 65,536 characters.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Shows nothing, and parts what GitHub would otherwise take for a mention, a reference, a link or a list.
_APART = "\u200b"
# As entities these can begin no markup, wherever they stand.
_ENTITIES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>\\`*[]|~$"} | {"#": f"&#35;{_APART}"})
# `_` inside a word is none, and names are full of it.
_EMPHASIS = re.compile(r"(?<!\w)_|_(?!\w)")
_LINKS = (
    (re.compile("@"), f"@{_APART}"),
    (re.compile("://"), f":{_APART}//"),
    (re.compile(r"\b(www)\.", re.IGNORECASE), rf"\1{_APART}."),
    (re.compile(r"\b(gh-)(?=\d)", re.IGNORECASE), rf"\1{_APART}"),
)
_LIST = re.compile(r"[-+=]|\d+[.)](?:\s|$)")
# Commits and digests: as code GitHub makes no link of them.
_HEX = re.compile(r"(?<![\w.])([0-9a-fA-F]{7,64})(?!\w)")
_LEFT_OUT = "*Left out here: {} lines. A comment has an end; all of it is in the artifact `report`.*"

# Bytes of a part that is not worth shortening.
_SHORT = 300


class Part(NamedTuple):
    """A paragraph, a list or a table; with a `summary` it is folded under it."""

    text: str
    summary: str = ""

    def __str__(self) -> str:
        if not self.summary:
            return self.text
        return f"<details><summary>{self.summary}</summary>\n\n{self.text}\n\n</details>"


def inert(text: str) -> str:
    """`text` in one line without markup, mention, link, reference or HTML; what stands between backticks is code."""
    pieces = _one_line(text).split("`")
    if len(pieces) % 2 == 0:
        return _prose("`".join(pieces))
    return "".join(code(piece) if number % 2 else _prose(piece) for number, piece in enumerate(pieces))


def code(text: str) -> str:
    """`text` as code, in one line: GitHub reads nothing in it. Backticks and bars are drawn by their likes."""
    plain = _one_line(text).replace("`", "'").replace("|", "¦")
    return f"`{plain}`" if plain else ""


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def join(parts: Iterable[Part]) -> str:
    """The parts that are not empty, one below the other."""
    return "\n\n".join(str(part) for part in parts if part.text) + "\n"


def fit(parts: Sequence[Part], most: int) -> str:
    """The parts in at most `most` bytes: the folded ones are shortened first, from the last, and say so.

    The first part is never shortened.
    """
    kept = [part for part in parts if part.text]
    order = sorted(range(1, len(kept)), key=lambda number: (not kept[number].summary, -number))
    for number in order:
        excess = _size(join(kept)) - most
        if excess <= 0:
            break
        kept[number] = _shortened(kept[number], _size(kept[number].text) - excess)
    return join(kept)


def _shortened(part: Part, room: int) -> Part:
    lines = part.text.split("\n")
    if _size(part.text) <= _SHORT:
        return part
    room -= _size(_LEFT_OUT) + 10
    used, count = 0, 0
    # Half a drawing is none.
    while not part.text.startswith("```") and count < len(lines) and used + _size(lines[count]) + 1 <= room:
        used += _size(lines[count]) + 1
        count += 1
    said = _LEFT_OUT.format(f"{len(lines) - count:,}")
    return part._replace(text="\n".join([*lines[:count], "", said]).strip())


def _size(text: str) -> int:
    return len(text.encode())


def _prose(text: str) -> str:
    pieces = _HEX.split(text)
    found = "".join(f"`{piece}`" if number % 2 else _quiet(piece) for number, piece in enumerate(pieces))
    return _APART + found if _LIST.match(found) else found


def _quiet(text: str) -> str:
    found = _EMPHASIS.sub("&#95;", text.translate(_ENTITIES))
    for pattern, instead in _LINKS:
        found = pattern.sub(instead, found)
    return found


def _one_line(text: str) -> str:
    """Without line breaks, control characters and signs that turn the direction of reading."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
