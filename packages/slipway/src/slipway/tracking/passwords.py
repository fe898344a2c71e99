"""Show the address of a store, and what a library says of it, without the password that the address may contain."""

import re
from collections.abc import Iterator
from itertools import groupby
from urllib.parse import quote, unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://?")
# In the address of a file an @ is a part of a name.
_FILES = ("sqlite:///", "file:")
_STARS = "***"
# Shorter pieces count only as whole words: they occur in ordinary text.
_LONG = 4


def hide_password(uri: str) -> str:
    """Return the address without user, password, query and fragment.

    A password may contain `/`, `#`, `?` or `@` that are not encoded, so everything up to the last `@` goes. Where a
    query may be what contains that `@`, nothing but the scheme is left.
    """
    if uri.startswith(_FILES):
        return uri.partition("?")[0]
    scheme, rest = _split_scheme(uri)
    before, at, address = rest.rpartition("@")
    if at and "=" in before.partition("?")[2]:
        return f"{scheme}(hidden)"
    return scheme + re.split(r"[?#]", address)[0]


def scrub_error(uri: str, text: str) -> str:
    """Return what a library said of the store at `uri` with the address as `hide_password` shows it.

    A library that takes an unencoded password apart prints its pieces as host, port or path: each is replaced by stars,
    and everything else is kept.
    """
    shown = hide_password(uri)
    if shown == uri:
        return text
    text = text.replace(uri, shown)
    scheme, address = _split_scheme(shown)
    hidden = bytearray(len(text))
    # The address is no secret, unless it is a part of one: what is longer counts.
    found = [(piece, True) for piece in _pieces(uri, scheme, address)] + [(address, False)]
    for piece, is_secret in sorted(found, key=lambda each: len(each[0])):
        for start, end in _occurrences(piece, text):
            hidden[start:end] = bytes([is_secret]) * (end - start)
    runs = groupby(zip(text, hidden, strict=True), key=lambda each: each[1])
    return "".join(_STARS if is_secret else "".join(char for char, _ in run) for is_secret, run in runs)


def _split_scheme(uri: str) -> tuple[str, str]:
    found = _SCHEME.match(uri)
    return (found.group(), uri[found.end() :]) if found else ("", uri)


def _pieces(uri: str, scheme: str, address: str) -> set[str]:
    """Return the words of what is hidden, as they stand, decoded and encoded."""
    hidden = uri.removeprefix(scheme)
    # The parts before and after the address that is shown.
    parts = hidden.rpartition(f"@{address}")[::2] if f"@{address}" in hidden else (hidden.removeprefix(address),)
    pieces = set()
    for part in {*parts, *map(unquote, parts)}:
        pieces |= {part, *re.findall(r"\w+", part), *re.split(r"[/?#@:&=]", part)}
    return {form for piece in pieces if piece for form in (piece, quote(piece), quote(piece, safe=""))}


def _occurrences(piece: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a piece stands in a text, in any case; a short one counts only as a whole word."""
    if not piece or (len(piece) < _LONG and not piece.isalnum()):
        return
    pattern = re.escape(piece) if len(piece) >= _LONG else rf"(?<!\w){re.escape(piece)}(?!\w)"
    for found in re.finditer(f"(?=({pattern}))", text, re.IGNORECASE):
        yield found.span(1)
