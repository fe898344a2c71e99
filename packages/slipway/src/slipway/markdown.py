"""Write Markdown for GitHub in which text from a pull request cannot become markup.

Parts can be shortened, because GitHub accepts 65,536 characters in a comment.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Invisible; separates what GitHub would otherwise read as a mention, a reference, a link or a list.
_APART = "\u200b"
# As entities these cannot begin markup.
_ENTITIES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>\\`*[]|~$"} | {"#": f"&#35;{_APART}"})
# `_` inside a word is no markup, and names are full of it.
_EMPHASIS = re.compile(r"(?<!\w)_|_(?!\w)")
_LINKS = (
    (re.compile("@"), f"@{_APART}"),
    (re.compile("://"), f":{_APART}//"),
    (re.compile(r"\b(www)\.", re.IGNORECASE), rf"\1{_APART}."),
    (re.compile(r"\b(gh-)(?=\d)", re.IGNORECASE), rf"\1{_APART}"),
)
_LIST = re.compile(r"[-+=]|\d+[.)](?:\s|$)")
# Commits and digests: GitHub does not link them inside code.
_HEX = re.compile(r"(?<![\w.])([0-9a-fA-F]{7,64})(?!\w)")
_LEFT_OUT = "*{} lines left out: a comment is limited in size. The artifact `report` has all of them.*"

# Parts of up to this many bytes are not shortened.
_SHORT = 300


class Part(NamedTuple):
    """A paragraph, a list or a table; with a `summary` it is folded."""

    text: str
    summary: str = ""

    def __str__(self) -> str:
        if not self.summary:
            return self.text
        return f"<details><summary>{self.summary}</summary>\n\n{self.text}\n\n</details>"


def escape_markdown(text: str) -> str:
    """Return `text` in one line without markup, mention, link, reference or HTML; text in backticks becomes code."""
    pieces = _one_line(text).split("`")
    if len(pieces) % 2 == 0:
        return _prose("`".join(pieces))
    return "".join(inline_code(piece) if number % 2 else _prose(piece) for number, piece in enumerate(pieces))


def inline_code(text: str) -> str:
    """Return `text` as code in one line, with look-alikes for backticks and bars."""
    plain = _one_line(text).replace("`", "'").replace("|", "¦")
    return f"`{plain}`" if plain else ""


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table of cells that are Markdown already."""
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def join_parts(parts: Iterable[Part]) -> str:
    """Join the parts that are not empty, one below the other."""
    return "\n\n".join(str(part) for part in parts if part.text) + "\n"


def fit_parts(parts: Sequence[Part], most: int) -> str:
    """Join the parts in at most `most` bytes, shortening the folded ones first, from the last; never the first part."""
    kept = [part for part in parts if part.text]
    order = sorted(range(1, len(kept)), key=lambda number: (not kept[number].summary, -number))
    for number in order:
        excess = _size(join_parts(kept)) - most
        if excess <= 0:
            break
        kept[number] = _shortened(kept[number], _size(kept[number].text) - excess)
    return join_parts(kept)


def _shortened(part: Part, room: int) -> Part:
    lines = part.text.split("\n")
    if _size(part.text) <= _SHORT:
        return part
    room -= _size(_LEFT_OUT) + 10
    used, count = 0, 0
    # Half a drawing cannot be drawn.
    while not part.text.startswith("```") and count < len(lines) and used + _size(lines[count]) + 1 <= room:
        used += _size(lines[count]) + 1
        count += 1
    said = _LEFT_OUT.format(f"{len(lines) - count:,}")
    return part._replace(text="\n".join([*lines[:count], "", said]).strip())


def _size(text: str) -> int:
    return len(text.encode())


def _prose(text: str) -> str:
    pieces = _HEX.split(text)
    found = "".join(f"`{piece}`" if number % 2 else _escape_inline(piece) for number, piece in enumerate(pieces))
    return _APART + found if _LIST.match(found) else found


def _escape_inline(text: str) -> str:
    found = _EMPHASIS.sub("&#95;", text.translate(_ENTITIES))
    for pattern, instead in _LINKS:
        found = pattern.sub(instead, found)
    return found


def _one_line(text: str) -> str:
    """Remove line breaks, control characters and characters that change the direction of text."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
