"""Show the address of a store, and what a library says of it, without the password that the address may contain."""

import re
from urllib.parse import quote, unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://?")
# In the address of a file an @ is a part of a name.
_FILES = ("sqlite:///", "file:")
_HIDDEN = "(its message is not shown: it repeats a part of MLFLOW_TRACKING_URI that may be a password)"
# Shorter pieces count only as whole words: they occur in ordinary text.
_LONG = 4


def hide_password(uri: str) -> str:
    """Return the address without user, password, query and fragment.

    A password may contain `/`, `#`, `?` or `@` that are not encoded, so everything up to the last `@` goes. Where a
    query may be what contains that `@`, nothing but the scheme is left.
    """
    if uri.startswith(_FILES):
        return uri.partition("?")[0]
    found = _SCHEME.match(uri)
    scheme, rest = (found.group(), uri[found.end() :]) if found else ("", uri)
    before, at, address = rest.rpartition("@")
    if at and "=" in before.partition("?")[2]:
        return f"{scheme}(hidden)"
    return scheme + re.split(r"[?#]", address)[0]


def scrub_error(uri: str, text: str) -> str:
    """Return what a library said of the store at `uri` with the address as `hide_password` shows it.

    A library that takes an unencoded password apart prints its pieces as host, port or path: a text with any of them
    is replaced as a whole.
    """
    shown = hide_password(uri)
    if shown == uri:
        return text
    text = text.replace(uri, shown)
    return _HIDDEN if any(_occurs(piece, text) for piece in _pieces(uri, shown)) else text


def _pieces(uri: str, shown: str) -> set[str]:
    """Return the words of what is hidden, as they stand, decoded and encoded."""
    scheme = found.group() if (found := _SCHEME.match(shown)) else ""
    hidden = uri.removeprefix(scheme)
    address = shown.removeprefix(scheme)
    # The parts before and after the address that is shown.
    parts = hidden.rpartition(f"@{address}")[::2] if f"@{address}" in hidden else (hidden.removeprefix(address),)
    pieces = set()
    for part in {*parts, *map(unquote, parts)}:
        pieces |= {part, *re.findall(r"\w+", part), *re.split(r"[/?#@:&=]", part)}
    return {form.lower() for piece in pieces if piece for form in (piece, quote(piece), quote(piece, safe=""))}


def _occurs(piece: str, text: str) -> bool:
    if len(piece) >= _LONG:
        return piece in text.lower()
    return re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", text.lower()) is not None and piece.isalnum()
